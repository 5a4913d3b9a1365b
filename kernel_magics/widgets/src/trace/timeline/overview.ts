/*
 * overview.ts - the whole trace in one strip, with the part that is shown; and the axis.
 *
 * The strip is drawn once for all events: how many begin in each pixel, by a root, so
 * that the few are seen beside the many.
 */

import type { Events } from "./events";
import type { Theme } from "../../foundation/theme";
import { timeLabel, type Viewport } from "../../foundation/viewport";

export const OVERVIEW_HEIGHT = 34;
export const AXIS_HEIGHT = 20;

/** How many events begin in each of `bins` equal stretches of the trace. */
export function density(events: Events, bins: number): Float64Array {
	const counts = new Float64Array(bins);
	const step = (events.end - events.begin) / bins;
	for (const track of events.tracks) {
		if (track.thread < 0) continue; // these are made of events, which are counted already
		for (const lane of track.lanes) {
			let first = 0;
			for (let bin = 0; bin < bins && first < lane.length; bin++) {
				const next = bin === bins - 1 ? lane.length : lane.firstStarting(events.begin + (bin + 1) * step, first);
				counts[bin] += next - first;
				first = next;
			}
		}
	}
	return counts;
}

export function drawOverview(context: CanvasRenderingContext2D, counts: Float64Array, events: Events, viewport: Viewport, theme: Theme): void {
	const width = counts.length;
	const most = Math.sqrt(counts.reduce((a, b) => Math.max(a, b), 1));
	context.clearRect(0, 0, width, OVERVIEW_HEIGHT);
	context.fillStyle = theme.soft;
	counts.forEach((n, x) => {
		if (!n) return;
		const height = Math.max(2, Math.round((Math.sqrt(n) / most) * (OVERVIEW_HEIGHT - 6)));
		context.fillRect(x, OVERVIEW_HEIGHT - height, 1, height);
	});
	const scale = width / (events.end - events.begin);
	const left = Math.max(0, (viewport.begin - events.begin) * scale);
	const right = Math.min(width, (viewport.end - events.begin) * scale);
	context.fillStyle = theme.veil;
	context.fillRect(left, 0, Math.max(3, right - left), OVERVIEW_HEIGHT);
	context.fillStyle = theme.brand;
	for (const x of [left, Math.max(left + 3, right) - 2]) context.fillRect(x, 0, 2, OVERVIEW_HEIGHT);
}

/**
 * Marks with times; where neighbours differ only far behind the point, the common part
 * stands once at the left and the marks count from it.
 */
export function drawAxis(context: CanvasRenderingContext2D, viewport: Viewport, theme: Theme): string {
	context.clearRect(0, 0, viewport.width, AXIS_HEIGHT);
	context.font = theme.font;
	context.textBaseline = "middle";
	const marks = viewport.marks();
	const step = marks.length > 1 ? marks[1].time - marks[0].time : viewport.span;
	const long = marks.some(({ label }) => label.length > 13);
	const origin = long && marks.length ? marks[0] : null;
	for (const { time, label } of marks) {
		const x = Math.round(viewport.x(time));
		context.fillStyle = theme.soft;
		context.fillRect(x, AXIS_HEIGHT - 5, 1, 5);
		context.fillStyle = theme.ink;
		context.fillText(origin && time > origin.time ? `+${timeLabel(time - origin.time, step)}` : label, x + 3, AXIS_HEIGHT / 2 - 1);
	}
	return origin ? `from ${origin.label}` : "";
}
