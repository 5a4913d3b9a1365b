/* calls.ts - the calls of a trace with their latencies, sorted by any column. */

import type { AnyModel } from "@anywidget/types";
import { bar, h, table } from "../foundation/dom";
import { count, duration } from "../foundation/format";

export interface Call { call: string; group: string; count: number; total: number | null; min: number | null; median: number | null; p99: number | null; max: number | null }

type Column = [key: keyof Call, title: string, cell: (call: Call) => string | Node];

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
export function callsPane(model: AnyModel<{ call_rows: Call[] }>, choose: (call: string) => void, signal: AbortSignal): HTMLElement {
	const pane = h("div", { class: "rl-scroll", tabindex: 0, role: "region", "aria-label": "calls" });
	let key: keyof Call = "total";
	let down = true;
	const draw = () => {
		const calls = [...model.get("call_rows")].sort(compare(key, down));
		const most = Math.max(1, ...calls.map((c) => c.total ?? 0));
		const rows = calls.map((c) => [
			...COLUMNS.map(([, , cell]) => cell(c)), bar((c.total ?? 0) / most),
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
	signal.addEventListener("abort", () => model.off("change:call_rows", draw));
	draw();
	return pane;
}
