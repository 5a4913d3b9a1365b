/*
 * debugger.ts - where a guest stands, above the table of its threads; buttons to go on.
 *
 * A button stays focused while the guest runs, so that a key can be pressed again and
 * again; while the focus is in the panel the letters in brackets do what the buttons do.
 */

import type { RenderProps } from "@anywidget/types";
import { h, table } from "../foundation/dom";
import listing from "../foundation/listing";
import { SourceLines, type Source } from "./source";
import { blockElement, type Block } from "../foundation/listing_detail";

interface Place {
	sentence: string; excerpt: string; blocks: Block[]; able: string[]; back: boolean;
	source: Source | Record<string, never>; breakpoints: string[][];
}
type Act = (message: Record<string, unknown>) => void;

const BUTTONS: [string, string, string, string][] = [
	["continue", "▶", "c", "go on until a breakpoint, a panic or the end"],
	["next", "↷", "n", "to the next source line, over calls"],
	["step", "↓", "s", "to the next source line, also into calls"],
	["finish", "↑", "f", "until this function has returned"],
	["interrupt", "■", "i", "stop the guest where it is"],
];
/** Of a replay alone. */
const BACK: [string, string, string, string][] = [
	["back", "◀", "C", "back to the last breakpoint, or the start of the recording"],
	["next back", "↶", "N", "back to the source line before, over calls"],
	["step back", "⇡", "S", "back to the source line before, also into calls"],
	["call back", "⇤", "F", "back to the call of this function"],
];
const COLUMNS = ["breakpoint", "kind", "where", "only", "hits", "state", ""];

interface Toolbar { element: HTMLElement; refresh: () => void; press: (key: string) => boolean }

function toolbar(label: string, chosen: typeof BUTTONS, able: () => string[], act: (what: string) => void): Toolbar {
	const press = (what: string) => { if (able().includes(what)) act(what); };
	const buttons = chosen.map(([what, sign, key, title]) => h("button", {
		class: "rl-button", title: `${title} (${key})`, "aria-keyshortcuts": key, onclick: () => press(what),
	}, h("span", { "aria-hidden": "true" }, sign), ` ${what} `, h("kbd", { "aria-hidden": "true" }, key)));
	return {
		element: h("div", { class: "rl-debugger-tools", role: "toolbar", "aria-label": label }, ...buttons),
		refresh: () => chosen.forEach(([what], n) => buttons[n].setAttribute("aria-disabled", String(!able().includes(what)))),
		press: (key) => {
			const found = chosen.find(([, , letter]) => letter === key);
			if (found) press(found[0]);
			return !!found;
		},
	};
}

/** What is unfolded stays so at the next stop, by the function's name. */
function unfolded(element: HTMLElement): Map<string, boolean> {
	return new Map([...element.querySelectorAll<HTMLDetailsElement>("details[data-name]")]
		.filter((one) => one.dataset.touched).map((one) => [one.dataset.name!, one.open]));
}

/** A field for a breakpoint that no source line is there to be clicked for. */
function pointField(act: Act): { element: HTMLElement; input: HTMLInputElement } {
	const send = () => { if (input.value.trim()) act({ kind: "break", text: input.value.trim() }); };
	const input = h("input", {
		/* (the notebook would take Enter for itself) */
		onkeydown: (event: KeyboardEvent) => { event.stopPropagation(); if (event.key === "Enter") send(); },
		class: "rl-field", type: "text", "aria-label": "set a breakpoint", spellcheck: "false", autocomplete: "off",
		placeholder: "function, file.c:12, 0x… if condition; or watch variable",
	});
	const element = h("div", { class: "rl-debugger-add" }, input,
		h("button", { class: "rl-button", title: "set it", onclick: send }, "break"));
	return { element, input };
}

/** What may be done with one breakpoint. */
function pointButtons([number, , , , , state]: string[], act: Act): HTMLElement {
	const on = state === "enabled";
	return h("span", { class: "rl-debugger-own" },
		h("button", { class: "rl-button", "aria-label": `${on ? "disable" : "enable"} ${number}`, title: on ? "keep it, but let the guest pass" : "let it stop the guest again",
			onclick: () => act({ kind: "enable", number: Number(number), on: !on }) }, on ? "off" : "on"),
		h("button", { class: "rl-button", "aria-label": `remove ${number}`, title: "remove it", onclick: () => act({ kind: "remove", number: Number(number) }) }, "×"));
}

function render(properties: RenderProps<any>): void {
	const { model, el, signal } = properties;
	listing.render(properties);
	const place = (): Place => model.get("place") as Place;
	const act: Act = (message) => model.send(message);
	const go = (what: string) => act({ kind: "do", what });
	const tools = toolbar("go on", BUTTONS, () => place().able ?? [], go);
	const back = toolbar("go back", BACK, () => place().able ?? [], go);
	const sentence = h("p", { role: "status" });
	const source = new SourceLines((file, line) => act({ kind: "toggle", file, line }));
	const field = pointField(act);
	const said = h("p", { class: "rl-debugger-said", role: "alert" });
	const calls = h("div", { class: "rl-debugger-calls", role: "region", "aria-label": "calls", tabindex: 0 });
	const points = h("div", { class: "rl-debugger-points", role: "region", "aria-label": "breakpoints", tabindex: 0 });
	calls.addEventListener("click", (event) => {
		const fold = (event.target as HTMLElement).closest("summary")?.parentElement;
		if (fold) fold.dataset.touched = "1";
	});

	const fillPoints = (breakpoints: string[][]) => {
		const focused = points.contains(document.activeElement) ? document.activeElement?.getAttribute("aria-label") : null;
		points.replaceChildren(breakpoints.length ? table("breakpoints", COLUMNS, breakpoints.map((row) => [
			...row.map((cell, c) => h("span", { class: c === 2 || c === 3 ? "rl-mono" : "", title: cell }, cell)), pointButtons(row, act)]), [0, 4])
			: h("p", { class: "rl-soft" }, "no breakpoints: click beside a source line, or name a place above"));
		if (focused) points.querySelector<HTMLElement>(`[aria-label="${focused}"]`)?.focus({ preventScroll: true });
	};

	const fill = () => {
		const { sentence: words, blocks, breakpoints, able } = place();
		if (!blocks) return;
		tools.refresh();
		back.refresh();
		back.element.hidden = !place().back;
		sentence.textContent = words;
		/* While it runs, the last stop stays, faded: what has the focus is not taken away. */
		const runs = able.includes("interrupt");
		for (const part of [source.element, calls]) part.setAttribute("aria-busy", String(runs));
		fillPoints(breakpoints);
		source.show(place().source as Source, runs);
		if (runs) return;
		const before = unfolded(calls);
		const focused = calls.contains(document.activeElement) ? document.activeElement?.closest("details")?.dataset.name : undefined;
		calls.replaceChildren(...blocks.map((block) => blockElement(block)));
		calls.querySelectorAll<HTMLDetailsElement>("details[data-name]").forEach((one) => {
			const was = before.get(one.dataset.name!);
			if (was !== undefined) [one.open, one.dataset.touched] = [was, "1"];
			if (one.dataset.name === focused) one.querySelector("summary")?.focus({ preventScroll: true });
		});
		calls.hidden = !blocks.length;
	};
	const accepted = () => { if (!model.get("said")) field.input.value = ""; };
	const tell = () => { said.textContent = String(model.get("said")); said.hidden = !said.textContent; };

	const panel = el.querySelector<HTMLElement>(".rl-listing")!;
	panel.classList.add("rl-debugger");
	panel.querySelector(".rl-listing > .rl-scroll")?.setAttribute("aria-label", "threads");
	panel.querySelector(".rl-tools")!.before(tools.element, back.element,
		h("div", { class: "rl-debugger-place" }, sentence, said, source.element), calls, field.element, points);
	panel.addEventListener("keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey || (event.target as HTMLElement).tagName === "INPUT") return;
		const was = event.key === "b" && source.toggle();
		if (!was && !tools.press(event.key) && !(place().back && back.press(event.key))) return;
		event.preventDefault();
		event.stopPropagation();
	});
	model.on("change:place", fill);
	model.on("change:said", tell);
	model.on("change:changed", accepted);
	signal.addEventListener("abort", () => {
		for (const [trait, does] of [["place", fill], ["said", tell], ["changed", accepted]] as const) model.off(`change:${trait}`, does);
	});
	fill();
	tell();
}

export default { render };
