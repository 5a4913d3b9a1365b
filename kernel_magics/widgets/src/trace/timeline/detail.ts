/* detail.ts - in words: the selected event, the measured stretch, what is under the pointer. */

import { h, table } from "../../foundation/dom";
import { count, duration } from "../../foundation/format";
import type { Events, Place } from "./events";
import { FAILED, NO_ENTER, OPEN, POINT } from "./lanes";
import type { LaneRow } from "./rows";
import { timeLabel, type Viewport } from "../../foundation/viewport";

export type Fields = [name: string, value: string][];

const LISTED = 6;
const KINDS: Record<number, string> = { [OPEN]: "not finished in this trace", [NO_ENTER]: "its beginning was not recorded" };

/** The selected event: what is known here, then `fields`, which Python adds. */
export function eventDetail(events: Events, place: Place, fields: Fields | null, actions: HTMLElement[]): HTMLElement {
	const lane = events.lane(place);
	const { track, event } = place;
	const flags = lane.flags[event];
	const took = flags & 7 ? KINDS[flags & 7] ?? "an instant" : exactly(lane.end[event] - lane.start[event]);
	const thread = track.thread < 0 ? track.thread_name : `thread ${track.thread}${track.thread_name ? ` (${track.thread_name})` : ""}`;
	const own: Fields = [["at", timeLabel(lane.start[event], 1)], ["took", took], ["in", `${thread}, ${track.title}`], ["row", String(lane.row[event])]];
	const items = [...own, ...(fields ?? [])].filter(([, value]) => value !== "");
	return h("div", { class: "rl-tl-detail" },
		h("div", { class: "rl-tl-title" }, h("b", { class: "rl-mono" }, events.name(place)),
			!!(flags & FAILED) && h("span", { class: "rl-tl-failed" }, "✗ failed"),
			h("span", { class: "rl-gap" }), ...actions),
		h("dl", {}, ...items.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", { class: "rl-mono" }, value)))),
		fields === null && h("p", { class: "rl-soft" }, "asking the kernel for its arguments …"));
}

/** The measured stretch: how long it is and what its time went to. */
export function measureDetail(events: Events, begin: number, end: number, actions: HTMLElement[]): HTMLElement {
	const sums = inside(events, begin, end);
	const rows = sums.slice(0, LISTED).map((s) => [
		h("span", { class: "rl-mono" }, s.name), s.title, count(s.count), duration(s.busy), `${((100 * s.busy) / (end - begin)).toFixed(1)} %`]);
	const total = sums.reduce((n, s) => n + s.count, 0);
	const more = sums.length - rows.length;
	return h("div", { class: "rl-tl-detail" },
		h("div", { class: "rl-tl-title" }, h("b", {}, `measured ${exactly(end - begin)}`),
			h("span", { class: "rl-soft" }, `from ${timeLabel(begin, Math.max(1, (end - begin) / 1e4))} · ${count(total)} events in it`),
			h("span", { class: "rl-gap" }), ...actions),
		rows.length ? table("what the measured time went to", ["event", "layer", "events", "time in it", "share"], rows, [2, 3, 4]) : h("p", { class: "rl-soft" }, "no event in it"),
		more > 0 && h("p", { class: "rl-soft" }, `… and ${more} more kinds`));
}

interface Sum { name: string; title: string; count: number; busy: number }

/** Events of [begin, end) by name and layer, those that took most of it first. */
export function inside(events: Events, begin: number, end: number): Sum[] {
	const sums = new Map<string, Sum>();
	for (const track of events.tracks) {
		if (track.thread < 0) continue; // made of events that are counted in their threads
		for (const lane of track.lanes) {
			for (let i = lane.firstEnding(begin - 1); i < lane.length && lane.start[i] < end; i++) {
				if (lane.end[i] < begin) continue;
				const name = events.head.names[lane.code[i]];
				const key = `${track.layer} ${name}`;
				let sum = sums.get(key);
				if (!sum) sums.set(key, sum = { name, title: track.title, count: 0, busy: 0 });
				sum.count++;
				sum.busy += Math.max(0, Math.min(end, lane.end[i]) - Math.max(begin, lane.start[i]));
			}
		}
	}
	return [...sums.values()].sort((a, b) => b.busy - a.busy || b.count - a.count);
}

/** What is under the pointer: an event, or how many there are in that pixel. */
export function pointed(events: Events, row: LaneRow, viewport: Viewport, x: number): { text: string; place: Place } | null {
	const lane = row.track.lanes[row.lane];
	const [from, to] = [viewport.time(x - 1.5), viewport.time(x + 1.5)];
	let first = lane.firstEnding(from);
	while (first > 0 && lane.start[first - 1] >= from) first--;
	const last = lane.firstStarting(to, first);
	if (first >= last) return null;
	const longest = lane.longest(first, last);
	const place = { track: row.track, lane: row.lane, event: longest };
	const took = duration(lane.end[longest] - lane.start[longest]);
	const one = `${events.name(place)}${(lane.flags[longest] & 7) === POINT ? "" : ` · ${took}`}`;
	if (last - first === 1) return { text: one, place };
	const failed = lane.failed(first, last);
	return { text: `${count(last - first)} events, longest: ${one}${failed ? `, ${count(failed)} failed` : ""}`, place };
}

/** A time in its unit, and to the nanosecond where that says more. */
export function exactly(ns: number): string {
	return ns < 1e4 ? `${Math.round(ns)} ns` : `${duration(ns)} (${count(ns)} ns)`;
}
