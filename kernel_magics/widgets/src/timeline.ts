/*
 * timeline.ts - a trace as a picture: what each thread did in each layer, over time.
 *
 * All events come to the browser once, as columns of numbers, so that zooming and panning
 * need no kernel; what an event's arguments mean is asked of Python when one is selected.
 */

import type { RenderProps } from "@anywidget/types";
import { h } from "./dom";
import { count } from "./format";
import { timelinePane } from "./timeline/arrival";
import type { Link } from "./timeline/view";

interface State extends Link { name: string; events: number; left_out: number; lost: number; opened: number }

function render({ model, el, signal }: RenderProps<State>): void {
	const open = (row: number) => { model.set("opened", row); model.save_changes(); };
	const pane = timelinePane(model as never, signal, open);
	const name = model.get("name");
	el.append(h("section", { class: "rl rl-timeline", "aria-label": `timeline of ${name}` },
		h("div", { class: "rl-head" }, h("h4", {}, `Timeline of ${name}`),
			h("span", { class: "rl-soft" }, `${count(model.get("events"))} events`),
			model.get("left_out") > 0 && h("span", { class: "rl-soft" }, `the newest of ${count(model.get("events") + model.get("left_out"))}`),
			model.get("lost") > 0 && h("span", { class: "rl-lost" }, `${count(model.get("lost"))} lost`)),
		pane.element));
	pane.show();
}

export default { render };
