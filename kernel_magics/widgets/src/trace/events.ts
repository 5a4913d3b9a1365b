/* events.ts - the events of a trace as a table, a page at a time. */

import type { AnyModel } from "@anywidget/types";
import { h, table } from "../foundation/dom";
import { count, duration, moment } from "../foundation/format";
import { WORDS } from "./timeline/view";

/** time, thread, group, event, arguments, result, duration, caller: all as text but the times. */
type EventRow = [number, string, string, string, string, string, number | null, string];

/** A part of the events that match; `positions` are their rows in Python's table. */
export interface Page { start: number; matching: number; filter: string; problem: string; marked: number; positions: number[]; rows: EventRow[] }

export interface EventsPane { elements: HTMLElement[]; filter: (text: string) => void; open: (row: number) => void }

const COLUMNS = ["row", "time", "thread", "group", "event", "arguments", "result", "took", "caller"];

function eventsTable(page: Page, choose: (row: number) => void): HTMLElement {
	const rows = page.rows.map(([time, thread, group, event, args, result, took, caller], i) => [
		h("button", { class: "rl-button rl-quiet", title: "show it in the timeline", onclick: () => choose(page.positions[i]) }, String(page.positions[i])),
		moment(time), thread, group, h("span", { class: "rl-mono" }, event),
		h("span", { class: "rl-mono", title: args }, args), h("span", { class: "rl-mono" }, result),
		duration(took), h("span", { class: "rl-mono", title: caller }, caller)]);
	const made = table("events", COLUMNS, rows, [0, 1, 2, 7]);
	const marked = page.positions.indexOf(page.marked);
	if (marked >= 0) {
		const row = made.tBodies[0].rows[marked];
		row.classList.add("rl-marked");
		row.setAttribute("aria-current", "true");
	}
	return made;
}

export function eventsPane(model: AnyModel<{ page: Page }>, choose: (row: number) => void, signal: AbortSignal): EventsPane {
	const list = h("div", { class: "rl-scroll", tabindex: 0, role: "region", "aria-label": "events" });
	const told = h("span", { class: "rl-soft", role: "status" });
	const ask = (start: number) => model.send({ kind: "page", start, filter: search.value.trim() });
	const search = h("input", {
		class: "rl-field", type: "search", placeholder: "filter: write, rumpuser_*, thread:3, >10us, failed", title: WORDS,
		"aria-label": "filter the events",
		onkeydown: (event: KeyboardEvent) => event.stopPropagation(), oninput: () => ask(0),
	});
	const turn = (title: string, step: number) => h("button", {
		class: "rl-button", "aria-label": title,
		onclick: () => { const p = model.get("page"); ask(Math.max(0, p.start + step * Math.max(p.rows.length, 1))); },
	}, step < 0 ? "◂" : "▸");
	const [back, on] = [turn("earlier events", -1), turn("later events", 1)];
	const draw = () => {
		const page = model.get("page");
		const end = page.start + page.rows.length;
		told.textContent = page.rows.length
			? `${count(page.start + 1)}–${count(end)} of ${count(page.matching)}` : page.problem || "no event matches";
		back.disabled = page.start === 0;
		on.disabled = end >= page.matching;
		list.replaceChildren(eventsTable(page, choose));
		list.scrollTop = 0;
		const marked = list.querySelector<HTMLElement>(".rl-marked");
		if (marked) list.scrollTop = marked.offsetTop - list.clientHeight / 2;
	};
	model.on("change:page", draw);
	signal.addEventListener("abort", () => model.off("change:page", draw));
	draw();
	return {
		elements: [h("div", { class: "rl-tools" }, search, told, back, on), list],
		filter: (text) => { search.value = text; ask(0); },
		open: (row) => { search.value = ""; model.send({ kind: "page", row, start: 0, filter: "" }); },
	};
}
