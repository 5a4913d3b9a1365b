/*
 * draw.ts - the lanes on a canvas.
 *
 * An event of some pixels is a box with its name.  Narrower ones share a column of a
 * pixel: its pale part says that there are events, its solid part how much of that time
 * they took.  Each lane asks its events pixel by pixel, so a frame costs what is seen of
 * a trace and not how long the trace is.
 */

import type { Events, Place, Track } from "./events";
import { FAILED, NO_ENTER, OPEN, POINT, type Lane } from "./lanes";
import { LANE_HEIGHT, type LaneRow, type Rows } from "./rows";
import type { Theme } from "../../foundation/theme";
import type { Viewport } from "../../foundation/viewport";

export interface Scene {
	events: Events; rows: Rows; viewport: Viewport; theme: Theme;
	selected: Place | null; top: number; height: number;
}

const BOX_PIXELS = 2;
const NAME_PIXELS = 22;
const CHAR_PIXELS = 6.65;
const INSET = 2;
const FULL = LANE_HEIGHT - 2 * INSET;

/** x, y, width, height of one rectangle after the other. */
type Rects = number[];

/**
 * Rectangles gathered by style, so that the style changes seldom.  They are filled one by
 * one: a path of them all would go through the slow filling of any shape.
 */
interface Marks { pale: Rects; solid: Rects; failed: Rects; shades: Rects[]; teeth: Path2D; names: [string, number, number][] }

export function drawLanes(context: CanvasRenderingContext2D, scene: Scene): void {
	const { viewport, rows, top, height, theme } = scene;
	context.clearRect(0, 0, viewport.width, height);
	drawGrid(context, scene);
	context.font = theme.font;
	context.textBaseline = "middle";
	let track: Track | null = null;
	let marks = fresh();
	const flush = () => { if (track) fill(context, marks, track, theme); marks = fresh(); };
	for (const row of rows.lanes) {
		if (row.y + LANE_HEIGHT < top || row.y > top + height) continue;
		if (row.track !== track) { flush(); track = row.track; }
		gather(marks, row, scene);
	}
	flush();
	drawGaps(context, scene);
	if (scene.selected) drawSelected(context, scene, scene.selected);
}

function fresh(): Marks {
	return { pale: [], solid: [], failed: [], shades: [[], [], []], teeth: new Path2D(), names: [] };
}

function drawGrid(context: CanvasRenderingContext2D, { viewport, rows, top, height, theme }: Scene): void {
	context.fillStyle = theme.band;
	for (const group of rows.groups) {
		if (group.y + 22 >= top && group.y <= top + height) context.fillRect(0, group.y - top, viewport.width, 22);
	}
	context.fillStyle = theme.grid;
	for (const { time } of viewport.marks()) context.fillRect(Math.round(viewport.x(time)), 0, 1, height);
}

/** Where records were lost: a dashed line with what it means, for a wrong silence misleads. */
function drawGaps(context: CanvasRenderingContext2D, { events, viewport, theme, height }: Scene): void {
	context.strokeStyle = context.fillStyle = theme.failed;
	context.lineWidth = 1.5;
	context.setLineDash([5, 3]);
	let told = -Infinity;
	for (const time of events.head.gaps) {
		const x = viewport.x(time);
		if (x < 0 || x > viewport.width) continue;
		context.beginPath();
		context.moveTo(x, 0);
		context.lineTo(x, height);
		context.stroke();
		if (x - told < 80) continue;
		context.fillText("lost here", x + 3, 10);
		told = x;
	}
	context.setLineDash([]);
}

function gather(marks: Marks, row: LaneRow, scene: Scene): void {
	const lane = row.track.lanes[row.lane];
	const { viewport } = scene;
	const ns = viewport.nsPerPixel;
	const y = row.y - scene.top + INSET;
	let i = lane.firstEnding(viewport.begin);
	// Instants at the very edge end where they begin.
	while (i > 0 && lane.start[i - 1] >= viewport.begin) i--;
	let run: Column | null = null;
	while (i < lane.length && lane.start[i] < viewport.end) {
		if (lane.end[i] - lane.start[i] >= BOX_PIXELS * ns) {
			box(marks, lane, i, y, scene);
			i++;
			continue;
		}
		const pixel = Math.floor((lane.start[i] - viewport.begin) / ns);
		let next = Math.max(i + 1, lane.firstStarting(viewport.begin + (pixel + 1) * ns, i));
		// Only the last of a pixel can reach far out of it.
		if (next - 1 > i && lane.end[next - 1] - lane.start[next - 1] >= BOX_PIXELS * ns) next--;
		const level = Math.max(2, Math.round(Math.min(1, lane.busy(i, next) / ns) * FULL));
		const failed = lane.failed(i, next) > 0;
		if (run && run.x + run.width === pixel && run.level === level && run.failed === failed) run.width++;
		else { if (run) column(marks, run, y); run = { x: pixel, width: 1, level, failed }; }
		i = next;
	}
	if (run) column(marks, run, y);
}

interface Column { x: number; width: number; level: number; failed: boolean }

function column(marks: Marks, { x, width, level, failed }: Column, y: number): void {
	if (level < FULL) marks.pale.push(x, y, width, FULL - level);
	marks.solid.push(x, y + FULL - level, width, level);
	if (failed) marks.failed.push(x, y, width, 3);
}

function box(marks: Marks, lane: Lane, i: number, y: number, { viewport, events }: Scene): void {
	const left = Math.round(Math.max(-2, viewport.x(lane.start[i])));
	const right = Math.round(Math.min(viewport.width + 2, viewport.x(lane.end[i])));
	const width = Math.max(1, right - left);
	const code = lane.code[i];
	marks.shades[code % marks.shades.length].push(left, y, width, FULL);
	marks.solid.push(left, y, 1, FULL);
	const kind = lane.flags[i] & 7;
	if (kind === OPEN) openEnd(marks.teeth, right, y);
	if (lane.flags[i] & FAILED) marks.failed.push(left, y, width, 3);
	if (width < NAME_PIXELS) return;
	const shown = Math.max(0, left);
	const sign = lane.flags[i] & FAILED ? "✗ " : kind === NO_ENTER ? "… " : "";
	const name = sign + events.head.names[code] + (kind === OPEN ? " …" : "");
	const room = Math.floor((right - shown - 8) / CHAR_PIXELS);
	if (room >= 2) marks.names.push([name.length <= room ? name : `${name.slice(0, room - 1)}…`, shown + 5, y + FULL / 2 + 0.5]);
}

/** A call without an exit has a saw's edge at its right. */
function openEnd(path: Path2D, right: number, y: number): void {
	for (let tooth = 0; tooth < 3; tooth++) {
		const at = y + (tooth * FULL) / 3;
		path.moveTo(right, at);
		path.lineTo(right - 5, at + FULL / 6);
		path.lineTo(right, at + FULL / 3);
		path.closePath();
	}
}

function fill(context: CanvasRenderingContext2D, marks: Marks, track: Track, theme: Theme): void {
	const colours = theme.of(track.colour);
	fillAll(context, colours.pale, marks.pale);
	marks.shades.forEach((rects, n) => fillAll(context, colours.shades[n], rects));
	fillAll(context, colours.solid, marks.solid);
	context.fill(marks.teeth);
	fillAll(context, theme.failed, marks.failed);
	context.fillStyle = theme.ink;
	for (const [name, x, y] of marks.names) context.fillText(name, x, y);
}

function fillAll(context: CanvasRenderingContext2D, style: string, rects: Rects): void {
	context.fillStyle = style;
	for (let i = 0; i < rects.length; i += 4) context.fillRect(rects[i], rects[i + 1], rects[i + 2], rects[i + 3]);
}

function drawSelected(context: CanvasRenderingContext2D, scene: Scene, place: Place): void {
	const row = scene.rows.of(place);
	if (!row) return;
	const { viewport, events, theme } = scene;
	const left = Math.max(-4, viewport.x(events.start(place)));
	const right = Math.min(viewport.width + 4, viewport.x(events.stop(place)));
	context.strokeStyle = theme.ink;
	context.lineWidth = 2;
	context.strokeRect(left - 1, row.y - scene.top + 1, Math.max(3, right - left + 2), LANE_HEIGHT - 2);
	const isPoint = (events.lane(place).flags[place.event] & 7) === POINT;
	if (right - left > 6 && !isPoint) return;
	context.fillStyle = theme.ink; // a pointer to what is too narrow to be seen
	context.beginPath();
	context.moveTo(left, row.y - scene.top + 1);
	context.lineTo(left - 5, row.y - scene.top - 6);
	context.lineTo(left + 5, row.y - scene.top - 6);
	context.fill();
}
