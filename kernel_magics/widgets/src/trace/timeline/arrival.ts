/* arrival.ts - gets a trace from Python, then stands a timeline in its place. */

import type { AnyModel } from "@anywidget/types";
import { h } from "../../foundation/dom";
import { Arriving, type Head } from "./events";
import { Timeline, type Link } from "./view";

const ASK_AGAIN_MS = 3000;

interface Message { kind: string; view: string; head: Head; first: number; row: number; fields: [string, string][]; words: string; problem: string }

/** An element that asks for the events when it is first shown, and becomes the timeline. */
export function timelinePane(model: AnyModel<Link & { version: number }>, signal: AbortSignal, open: (row: number) => void): { element: HTMLElement; show: () => void } {
	const wait = h("p", { class: "rl-tl-wait", role: "status" }, "asking the kernel for the events …");
	const element = h("div", {}, wait);
	let view = "";
	let arriving: Arriving | null = null;
	let timeline: Timeline | null = null;
	let life = new AbortController();

	const ask = () => {
		if (arriving || signal.aborted) return;
		model.send({ kind: "timeline", view });
		setTimeout(ask, ASK_AGAIN_MS); // the first may wait behind a running cell, or be lost
	};
	const begin = () => {
		view = Math.random().toString(36).slice(2);
		arriving = null;
		ask();
	};
	/** Put the events that have come in the place of those before, seen as those were. */
	const ready = (arrived: Arriving) => {
		const before = timeline;
		life.abort();
		life = new AbortController();
		timeline = new Timeline(arrived.events(), model, {
			open, ask: (row) => model.send({ kind: "timeline-row", view, row }), choose: (words) => model.send({ kind: "timeline-choose", view, words }),
		}, life.signal);
		element.replaceChildren(timeline.element);
		timeline.start(before);
	};
	const take = (message: Message, buffers: DataView[]) => {
		if (message.view !== view) return;
		if (message.kind === "timeline-row") timeline?.takeFields(message.row, message.fields);
		if (message.kind === "timeline-chosen") timeline?.takeChosen(message.words, message.problem, new Uint8Array(buffers[0].buffer, buffers[0].byteOffset, buffers[0].byteLength));
		if (message.kind === "timeline-head" && !arriving) arriving = new Arriving(message.head);
		if (message.kind === "timeline-piece" && arriving && !arriving.complete) arriving.take(message.first, buffers);
		else if (message.kind !== "timeline-head") return;
		const now = arriving!;
		wait.textContent = now.head.count === 0 ? "no events" : `${Math.round(100 * now.share)} % of the events are here …`;
		if (now.complete && now.head.count) setTimeout(() => { if (now === arriving) ready(now); }); // the last figure is drawn first
	};
	const again = () => { if (view) begin(); };
	model.on("msg:custom", take);
	model.on("change:version", again);
	signal.addEventListener("abort", () => {
		life.abort();
		model.off("msg:custom", take);
		model.off("change:version", again);
	});
	return { element, show: () => { if (!view) begin(); else timeline?.draw(); } };
}
