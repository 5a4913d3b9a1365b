/*
 * trace.ts - a trace as two tables: the calls with their latencies, and the events.
 *
 * The calls come whole and are sorted here; the events come a page at a time, because a
 * trace may hold a million.
 */

import type { AnyModel, RenderProps } from "@anywidget/types";
import { bar, h, table } from "./dom";
import { count, duration, moment } from "./format";

interface Call { call: string; group: string; count: number; total: number | null; min: number | null; median: number | null; p99: number | null; max: number | null }
/** time, thread, group, event, arguments, result, duration, caller: all as text but the times. */
type EventRow = [number, string, string, string, string, string, number | null, string];
interface Page { kind: string; start: number; matching: number; filter: string; rows: EventRow[] }
interface State { name: string; events: number; lost: number; call_rows: Call[]; page: Page }

type Column = [key: keyof Call, title: string, cell: (call: Call, most: number) => string | Node];

const COLUMNS: Column[] = [
	["call", "call", (c) => h("span", { class: "rl-mono" }, c.call)],
	["group", "group", (c) => c.group],
	["count", "calls", (c) => count(c.count)],
	["total", "total", (c) => duration(c.total)],
	["min", "min", (c) => duration(c.min)],
	["median", "median", (c) => duration(c.median)],
	["p99", "p99", (c) => duration(c.p99)],
	["max", "max", (c) => duration(c.max)],
];
const TEXT_COLUMNS = 2;

function compare(key: keyof Call, down: boolean): (a: Call, b: Call) => number {
	const sign = down ? -1 : 1;
	return (a, b) => {
		const [x, y] = [a[key] ?? -1, b[key] ?? -1];
		return sign * (typeof x === "string" ? x.localeCompare(String(y)) : x - Number(y));
	};
}

/** The calls; a click on a column's title sorts by it, a second one the other way. */
function callsPane(model: AnyModel<State>, choose: (call: string) => void): HTMLElement {
	const pane = h("div", { class: "rl-scroll", tabindex: 0, role: "region", "aria-label": "calls" });
	let key: keyof Call = "total";
	let down = true;
	const draw = () => {
		const calls = [...model.get("call_rows")].sort(compare(key, down));
		const most = Math.max(1, ...calls.map((c) => c.total ?? 0));
		const rows = calls.map((c) => [
			...COLUMNS.map(([, , cell]) => cell(c, most)), bar((c.total ?? 0) / most),
			h("button", { class: "rl-button rl-quiet", title: `show the events of ${c.call}`, onclick: () => choose(c.call) }, "events")]);
		const names = COLUMNS.map(([, title]) => title);
		const result = table("calls with their latencies", [...names, "share of time", ""], rows,
			COLUMNS.map((_, i) => i).filter((i) => i >= TEXT_COLUMNS));
		result.querySelectorAll("th").forEach((head, index) => {
			const column = COLUMNS[index];
			if (!column) return;
			const [of, title] = column;
			if (of === key) head.setAttribute("aria-sort", down ? "descending" : "ascending");
			head.replaceChildren(h("button", {
				onclick: () => { down = of === key ? !down : index >= TEXT_COLUMNS; key = of; draw(); },
			}, title + (of === key ? (down ? " ▾" : " ▴") : "")));
		});
		pane.replaceChildren(result);
	};
	model.on("change:call_rows", draw);
	draw();
	return pane;
}

function eventsTable(page: Page): HTMLElement {
	const rows = page.rows.map(([time, thread, group, event, args, result, took, caller]) => [
		moment(time), thread, group, h("span", { class: "rl-mono" }, event),
		h("span", { class: "rl-mono", title: args }, args), h("span", { class: "rl-mono" }, result),
		duration(took), h("span", { class: "rl-mono", title: caller }, caller)]);
	return table("events", ["time", "thread", "group", "event", "arguments", "result", "took", "caller"], rows, [0, 1, 6]);
}

interface EventsPane { elements: HTMLElement[]; filter: (text: string) => void }

function eventsPane(model: AnyModel<State>): EventsPane {
	const list = h("div", { class: "rl-scroll", tabindex: 0, role: "region", "aria-label": "events" });
	const told = h("span", { class: "rl-soft", role: "status" });
	const ask = (start: number) => model.send({ kind: "page", start, filter: search.value.trim() });
	const search = h("input", {
		class: "rl-field", type: "search", placeholder: "a call, a group, event:write or thread:2; * matches anything",
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
			? `${count(page.start + 1)}–${count(end)} of ${count(page.matching)}` : "no event matches";
		back.disabled = page.start === 0;
		on.disabled = end >= page.matching;
		list.replaceChildren(eventsTable(page));
		list.scrollTop = 0;
	};
	model.on("change:page", draw);
	draw();
	return {
		elements: [h("div", { class: "rl-tools" }, search, told, back, on), list],
		filter: (text) => { search.value = text; ask(0); },
	};
}

/** Two tabs as the ARIA pattern has them: arrows change, the pane follows. */
function tabs(names: string[], panes: HTMLElement[]): { bar: HTMLElement; show: (index: number) => void } {
	const show = (index: number, focus = false) => {
		buttons.forEach((button, i) => {
			button.setAttribute("aria-selected", String(i === index));
			button.tabIndex = i === index ? 0 : -1;
			panes[i].hidden = i !== index;
		});
		if (focus) buttons[index].focus();
	};
	const buttons = names.map((name, i) => h("button", {
		class: "rl-button", role: "tab", onclick: () => show(i),
		onkeydown: (event: KeyboardEvent) => {
			if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
			event.preventDefault();
			event.stopPropagation();
			show((i + (event.key === "ArrowRight" ? 1 : names.length - 1)) % names.length, true);
		},
	}, name));
	show(0);
	return { bar: h("span", { role: "tablist" }, ...buttons), show };
}

function render({ model, el }: RenderProps<State>): void {
	const events = eventsPane(model);
	const choose = (call: string) => { tab.show(1); events.filter(`event:${call}`); };
	const panes = [h("div", {}, callsPane(model, choose)), h("div", {}, ...events.elements)];
	const tab = tabs(["Calls", "Events"], panes);
	const lost = model.get("lost");
	el.append(h("section", { class: "rl rl-trace", "aria-label": `trace of ${model.get("name")}` },
		h("div", { class: "rl-head" }, h("h4", {}, `Trace of ${model.get("name")}`),
			h("span", { class: "rl-soft" }, `${count(model.get("events"))} events`),
			lost > 0 && h("span", { class: "rl-lost" }, `${count(lost)} lost`),
			h("span", { class: "rl-gap" }), tab.bar),
		...panes));
}

export default { render };
