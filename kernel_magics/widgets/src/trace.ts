/*
 * trace.ts - a trace three ways: over time, as calls with their latencies, as events.
 *
 * The timeline's events come once and whole, the calls whole, the table of events a page
 * at a time.  An event selected in one is found in the other.
 */

import type { RenderProps } from "@anywidget/types";
import { h } from "./dom";
import { count } from "./format";
import { tabs } from "./tabs";
import { timelinePane } from "./timeline/arrival";
import type { Link } from "./timeline/view";
import { callsPane, type Call } from "./trace_calls";
import { eventsPane, type Page } from "./trace_events";

interface State extends Link {
	name: string; events: number; left_out: number; lost: number; tab: string;
	call_rows: Call[]; page: Page;
}

function head(model: RenderProps<State>["model"], bar: HTMLElement): HTMLElement {
	const [events, leftOut, lost] = [model.get("events"), model.get("left_out"), model.get("lost")];
	return h("div", { class: "rl-head" }, h("h4", {}, `Trace of ${model.get("name")}`),
		h("span", { class: "rl-soft" }, `${count(events)} events`),
		leftOut > 0 && h("span", { class: "rl-soft" }, `the newest ${count(events - leftOut)} in the timeline`),
		lost > 0 && h("span", { class: "rl-lost" }, `${count(lost)} lost`),
		h("span", { class: "rl-gap" }), bar);
}

function render({ model, el, signal }: RenderProps<State>): void {
	const find = (row: number) => { model.set("selected", row); model.save_changes(); tab.show("Timeline"); };
	const events = eventsPane(model as never, find, signal);
	const timeline = timelinePane(model as never, signal, (row) => { tab.show("Events"); events.open(row); });
	const choose = (call: string) => { tab.show("Events"); events.filter(`event:${call}`); };
	const panes = [
		{ name: "Timeline", element: timeline.element, shown: timeline.show },
		{ name: "Calls", element: h("div", {}, callsPane(model as never, choose, signal)) },
		{ name: "Events", element: h("div", {}, ...events.elements) },
	];
	const tab = tabs(panes, model.get("tab"));
	el.append(h("section", { class: "rl rl-trace", "aria-label": `trace of ${model.get("name")}` },
		head(model, tab.bar), ...panes.map((pane) => pane.element)));
}

export default { render };
