/* arrival.ts - gets a trace from Python, then stands a timeline in its place. */

import type { AnyModel } from "@anywidget/types";
import { h } from "../dom";
import { Arriving, type Head } from "./events";
import { Timeline, type Link } from "./view";

const ASK_AGAIN_MS = 3000;

interface Message { kind: string; view: string; head: Head; first: number; row: number; fields: [string, string][] }

/** An element that asks for the events when it is first shown, and becomes the timeline. */
export function timelinePane(model: AnyModel<Link>, signal: AbortSignal, open: (row: number) => void): { element: HTMLElement; show: () => void } {
	const view = Math.random().toString(36).slice(2);
	const wait = h("p", { class: "rl-tl-wait", role: "status" }, "asking the kernel for the events …");
	const element = h("div", {}, wait);
	let arriving: Arriving | null = null;
	let timeline: Timeline | null = null;
	let asked = false;

	const ask = () => {
		if (arriving || signal.aborted) return;
		model.send({ kind: "timeline", view });
		setTimeout(ask, ASK_AGAIN_MS); // the first may wait behind a running cell, or be lost
	};
	const ready = () => {
		timeline = new Timeline(arriving!.events(), model, {
			open, ask: (row) => model.send({ kind: "timeline-row", view, row }),
		}, signal);
		element.replaceChildren(timeline.element);
		timeline.start();
	};
	const take = (message: Message, buffers: DataView[]) => {
		if (message.view !== view) return;
		if (message.kind === "timeline-row") timeline?.takeFields(message.row, message.fields);
		if (message.kind === "timeline-head" && !arriving) arriving = new Arriving(message.head);
		if (message.kind === "timeline-piece" && !timeline) arriving?.take(message.first, buffers);
		if (!arriving || timeline) return;
		wait.textContent = arriving.head.count === 0 ? "no events" : `${Math.round(100 * arriving.share)} % of the events are here …`;
		if (arriving.complete && arriving.head.count) setTimeout(ready); // the last figure is drawn first
	};
	model.on("msg:custom", take);
	signal.addEventListener("abort", () => model.off("msg:custom", take));
	return { element, show: () => { if (!asked) { asked = true; ask(); } } };
}
