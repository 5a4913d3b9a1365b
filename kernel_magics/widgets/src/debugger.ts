/*
 * debugger.ts - where a guest stands, above the table of its threads; buttons to go on.
 *
 * A button stays focused while the guest runs, so that a key can be pressed again and
 * again; while the focus is in the panel the letters in brackets do what the buttons do.
 */

import type { RenderProps } from "@anywidget/types";
import { h, table } from "./dom";
import listing from "./listing";
import { blockElement, type Block } from "./listing_detail";

interface Place { sentence: string; excerpt: string; blocks: Block[]; able: string[]; breakpoints: string[][] }

const BUTTONS: [string, string, string, string][] = [
	["continue", "▶", "c", "go on until a breakpoint, a panic or the end"],
	["next", "↷", "n", "to the next source line, over calls"],
	["step", "↓", "s", "to the next source line, also into calls"],
	["finish", "↑", "f", "until this function has returned"],
	["interrupt", "■", "i", "stop the guest where it is"],
];
const COLUMNS = ["breakpoint", "kind", "where", "only", "hits", "state"];

function toolbar(able: () => string[], act: (what: string) => void): { element: HTMLElement; refresh: () => void; press: (key: string) => boolean } {
	const press = (what: string) => { if (able().includes(what)) act(what); };
	const buttons = BUTTONS.map(([what, sign, key, title]) => h("button", {
		class: "rl-button", title: `${title} (${key})`, "aria-keyshortcuts": key, onclick: () => press(what),
	}, h("span", { "aria-hidden": "true" }, sign), ` ${what} `, h("kbd", { "aria-hidden": "true" }, key)));
	return {
		element: h("div", { class: "rl-debugger-tools", role: "toolbar", "aria-label": "go on" }, ...buttons),
		refresh: () => BUTTONS.forEach(([what], n) => buttons[n].setAttribute("aria-disabled", String(!able().includes(what)))),
		press: (key) => {
			const found = BUTTONS.find(([, , letter]) => letter === key);
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

function render(properties: RenderProps<any>): void {
	const { model, el, signal } = properties;
	listing.render(properties);
	const place = (): Place => model.get("place") as Place;
	const tools = toolbar(() => place().able ?? [], (what) => model.send({ kind: "do", what }));
	const sentence = h("p", { role: "status" });
	const excerpt = h("pre", { class: "rl-mono", "aria-label": "source", tabindex: 0 });
	const said = h("p", { class: "rl-debugger-said", role: "alert" });
	const calls = h("div", { class: "rl-debugger-calls", role: "region", "aria-label": "calls", tabindex: 0 });
	const points = h("div", { class: "rl-debugger-points", role: "region", "aria-label": "breakpoints", tabindex: 0 });
	calls.addEventListener("click", (event) => {
		const fold = (event.target as HTMLElement).closest("summary")?.parentElement;
		if (fold) fold.dataset.touched = "1";
	});

	const fillPoints = (breakpoints: string[][]) => {
		points.replaceChildren(breakpoints.length ? table("breakpoints", COLUMNS, breakpoints.map((row) =>
			row.map((cell, c) => h("span", { class: c === 2 || c === 3 ? "rl-mono" : "", title: cell }, cell))), [0, 4])
			: h("p", { class: "rl-soft" }, "no breakpoints: guest.debugger.break_at(\"main\") sets one"));
	};

	const fill = () => {
		const { sentence: words, excerpt: lines, blocks, breakpoints, able } = place();
		if (!blocks) return;
		tools.refresh();
		sentence.textContent = words;
		/* While it runs, the last stop stays, faded: what has the focus is not taken away. */
		const runs = able.includes("interrupt");
		for (const part of [excerpt, calls]) part.setAttribute("aria-busy", String(runs));
		fillPoints(breakpoints);
		if (runs) return;
		excerpt.textContent = lines;
		excerpt.hidden = !lines;
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
	const tell = () => { said.textContent = String(model.get("said")); said.hidden = !said.textContent; };

	const panel = el.querySelector<HTMLElement>(".rl-listing")!;
	panel.classList.add("rl-debugger");
	panel.querySelector(".rl-listing > .rl-scroll")?.setAttribute("aria-label", "threads");
	panel.querySelector(".rl-tools")!.before(tools.element,
		h("div", { class: "rl-debugger-place" }, sentence, said, excerpt), calls, points);
	panel.addEventListener("keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey || (event.target as HTMLElement).tagName === "INPUT") return;
		if (!tools.press(event.key)) return;
		event.preventDefault();
		event.stopPropagation();
	});
	model.on("change:place", fill);
	model.on("change:said", tell);
	signal.addEventListener("abort", () => { model.off("change:place", fill); model.off("change:said", tell); });
	fill();
	tell();
}

export default { render };
