/*
 * trace.ts - a trace three ways: over time, as calls with their latencies, as events.
 *
 * The timeline's events come once and whole, the calls whole, the table of events a page
 * at a time.  An event selected in one is found in the other.
 */

import type { RenderProps } from "@anywidget/types";
import { h } from "../foundation/dom";
import { count } from "../foundation/format";
import { keepLease } from "../foundation/lease";
import { tabs } from "../foundation/tabs";
import { timelinePane } from "./timeline/arrival";
import type { Link } from "./timeline/view";
import { callsPane, type Call } from "./calls";
import { eventsPane, type Page } from "./events";

interface State extends Link {
	name: string; events: number; left_out: number; lost: number; tab: string; version: number;
	live: boolean; following: boolean; call_rows: Call[]; page: Page;
}
type Model = RenderProps<State>["model"];

/** Title and counts; while the guest runs, a look at what it has recorded since, and following it. */
function head(model: Model, bar: HTMLElement, signal: AbortSignal): HTMLElement {
	const [told, leftOut, lost] = [h("span", { class: "rl-soft" }), h("span", { class: "rl-soft" }), h("span", { class: "rl-lost" })];
	const again = h("button", { class: "rl-button", title: "take what has been recorded since", onclick: () => model.send({ kind: "look" }) }, "↻ look again");
	const follow = h("button", {
		class: "rl-button", title: "take it each second, up to 200 000 events",
		onclick: () => { model.set("following", !model.get("following")); model.save_changes(); },
	}, "● follow");
	const refresh = () => {
		const events = model.get("events");
		told.textContent = `${count(events)} events`;
		leftOut.textContent = model.get("left_out") > 0 ? `the newest ${count(events - model.get("left_out"))} in the timeline` : "";
		lost.textContent = model.get("lost") > 0 ? `${count(model.get("lost"))} lost` : "";
		again.hidden = follow.hidden = !model.get("live");
		follow.setAttribute("aria-pressed", String(model.get("following")));
	};
	const watched = ["events", "lost", "live", "following"] as const;
	for (const trait of watched) model.on(`change:${trait}`, refresh);
	signal.addEventListener("abort", () => { for (const trait of watched) model.off(`change:${trait}`, refresh); });
	refresh();
	return h("div", { class: "rl-head" }, h("h4", {}, `Trace of ${model.get("name")}`), told, leftOut, lost,
		h("span", { class: "rl-gap" }), again, follow, bar);
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
	if (model.get("live")) keepLease(model, signal);
	el.append(h("section", { class: "rl rl-trace", "aria-label": `trace of ${model.get("name")}` },
		head(model, tab.bar, signal), ...panes.map((pane) => pane.element)));
}

export default { render };
