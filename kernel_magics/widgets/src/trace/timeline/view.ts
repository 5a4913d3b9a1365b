/* view.ts - the timeline put together: strip, axis, labels, lanes, and what is told below. */

import type { AnyModel } from "@anywidget/types";
import { h, oncePerFrame, whenSeen } from "../../foundation/dom";
import { count } from "../../foundation/format";
import { eventDetail, measureDetail, pointed, type Fields } from "./detail";
import { drawLanes } from "./draw";
import { Events, isUnderstood, type Place, type Query } from "./events";
import { addKeys, KEYS, type Moves } from "./keys";
import { Labels } from "./labels";
import { AXIS_HEIGHT, density, drawAxis, drawOverview, OVERVIEW_HEIGHT } from "./overview";
import { addPointer, addWheel, follow } from "../../foundation/pointer";
import { LANE_HEIGHT, Rows } from "./rows";
import { onThemeChange, readTheme, type Theme } from "../../foundation/theme";
import { Viewport } from "../../foundation/viewport";

/** Traits that Python may set and read: row of the table, [begin, end] in ns. */
export interface Link { selected: number; shown: number[]; measured: number[] }

/** How the timeline reaches what is around it. */
export interface Around { open: (row: number) => void; ask: (row: number) => void; choose: (words: string) => void }

export const WORDS = "Words that must all match: a name or glob of events or groups; event:NAME exactly; layer:sys; thread:3 or a name; "
	+ "process:1; caller:GLOB; >10us, <2ms; failed, error:ENOENT; after:1.5s, before:2s; -WORD for the opposite";
const LABEL_WIDTH = 168;
const MOST_HEIGHT = 420;
const DURATIONS: [label: string, ns: number][] =
	[["any duration", 0], ["≥ 1 µs", 1e3], ["≥ 10 µs", 1e4], ["≥ 100 µs", 1e5], ["≥ 1 ms", 1e6], ["≥ 10 ms", 1e7], ["≥ 100 ms", 1e8]];

export class Timeline implements Moves {
	readonly element: HTMLElement;
	private viewport: Viewport;
	private rows: Rows;
	private labels: Labels;
	private theme!: Theme;
	private counts: Float64Array = new Float64Array(1);
	private selected: Place | null = null;
	private fields: Fields | null = null;
	private measured: [number, number] | null = null;
	private anchor: Place | null = null;
	private pointerX: number | null = null;
	private query: Query = { text: "", least_ns: 0, rows: null };

	private strip = h("canvas", { class: "rl-tl-strip", "aria-hidden": "true" });
	private axis = h("canvas", { class: "rl-tl-axis", "aria-hidden": "true" });
	private lanes = h("canvas", { class: "rl-tl-lanes", tabindex: 0, role: "application" });
	private scroller = h("div", { class: "rl-tl-scroller" });
	private veil = h("div", { class: "rl-tl-veil", "aria-hidden": "true", hidden: true });
	private tip = h("div", { class: "rl-tl-tip rl-mono", "aria-hidden": "true", hidden: true });
	private origin = h("span", { class: "rl-tl-origin rl-mono" });
	private told = h("span", { class: "rl-soft", role: "status" });
	private problem = h("p", { class: "rl-problem", role: "alert", hidden: true });
	private below = h("div", { class: "rl-tl-below", role: "region", "aria-label": "selected", "aria-live": "polite" });
	private keys = h("dl", { class: "rl-tl-keys", hidden: true }, ...KEYS.map(([keys, does]) => h("div", {}, h("dt", { class: "rl-mono" }, keys), h("dd", {}, does))));
	private field: HTMLInputElement;
	private least = h("select", { class: "rl-field rl-tl-least", "aria-label": "least duration" }, ...DURATIONS.map(([label, ns]) => h("option", { value: ns }, label)));
	readonly draw = oncePerFrame(() => this.paint(), () => this.scroller.clientHeight > 0);

	constructor(private events: Events, private model: AnyModel<Link>, private around: Around, signal: AbortSignal) {
		this.viewport = new Viewport(events.begin, events.end);
		this.rows = new Rows(events);
		this.labels = new Labels(this.rows, LABEL_WIDTH, () => this.arranged());
		this.field = this.filterField();
		const content = h("div", { class: "rl-tl-content" }, this.labels.element, this.lanes);
		this.scroller.append(content);
		this.element = h("div", { class: "rl-tl" },
			this.tools(), this.problem, this.strip,
			h("div", { class: "rl-tl-plot" }, h("div", { class: "rl-tl-ruler" }, this.origin, this.axis), this.scroller, this.veil, this.tip),
			this.keys, this.below);
		this.lanes.setAttribute("aria-label", `events over time, ${events.head.tracks.length} tracks; press ? for the keys`);
		addKeys(this.lanes, this);
		this.addGestures();
		this.scroller.addEventListener("scroll", this.draw);
		const resized = new ResizeObserver(() => this.resize());
		resized.observe(this.element);
		whenSeen(this.element, () => this.resize(), signal);
		onThemeChange(() => { this.theme = readTheme(this.element); this.draw(); }, signal);
		const followLink = () => this.followLink();
		for (const trait of ["selected", "shown", "measured"] as const) model.on(`change:${trait}`, followLink);
		signal.addEventListener("abort", () => {
			resized.disconnect();
			for (const trait of ["selected", "shown", "measured"] as const) model.off(`change:${trait}`, followLink);
		});
	}

	/** Called once the element is on the page: it has a size and a theme then. */
	start(before: Timeline | null = null): void {
		if (before) this.adopt(before);
		this.arranged();
		if (!before) this.followLink();
		this.showDetail();
		this.tell();
	}

	/** Look at these events as another timeline looked at those before them. */
	private adopt(before: Timeline): void {
		this.query = before.query;
		this.field.value = before.field.value;
		this.least.value = String(before.query.least_ns);
		if (this.query.text) this.around.choose(this.query.text); // rows may be others now
		if (this.query.text || this.query.least_ns) this.events.narrow(this.query);
		const folded = new Set(before.rows.groups.filter((g) => g.folded).map((g) => g.thread));
		for (const group of this.rows.groups) group.folded = folded.has(group.thread);
		this.rows.arrange();
		if (!before.viewport.all) this.viewport.show(before.viewport.begin, before.viewport.end);
		this.measured = before.measured;
		const row = before.selected ? before.events.row(before.selected) : -1;
		this.selected = row >= 0 ? this.events.ofRow(row) : null;
		this.fields = before.fields;
	}

	/* What can be done, by keys and otherwise. */

	pan(share: number): void { this.viewport.pan(share * this.viewport.width); this.moved(); }
	zoom(factor: number): void { this.viewport.zoom(factor, this.pointerX ?? this.centre()); this.moved(); }
	fit(): void { this.viewport.fit(); this.moved(); }
	search(): void { this.field.focus(); }
	help(): void { this.keys.hidden = !this.keys.hidden; }
	open(): void { if (this.selected) this.around.open(this.events.row(this.selected)); }

	along(step: number): void {
		if (!this.selected) { this.select(this.firstShown()); return; }
		const lane = this.events.lane(this.selected);
		const event = Math.max(0, Math.min(lane.length - 1, this.selected.event + step));
		this.select({ ...this.selected, event });
	}

	across(step: number): void {
		if (!this.selected) { this.select(this.firstShown()); return; }
		const here = this.rows.lanes.indexOf(this.rows.of(this.selected)!);
		const time = Math.max(this.viewport.begin, this.events.start(this.selected));
		for (let at = here + step; at >= 0 && at < this.rows.lanes.length; at += step) {
			const { track, lane } = this.rows.lanes[at];
			const events = track.lanes[lane];
			if (!events.length) continue;
			const event = Math.min(events.length - 1, events.firstEnding(time));
			this.select({ track, lane, event });
			return;
		}
	}

	anywhere(step: 1 | -1): void {
		const at = this.selected;
		this.select(at ? this.events.neighbour(this.events.start(at), this.events.row(at), step)
			: this.events.neighbour(this.viewport.begin, -1, step));
	}

	frame(): void {
		const [begin, end] = this.measured ?? (this.selected ? [this.events.start(this.selected), this.events.stop(this.selected)] : [this.events.begin, this.events.end]);
		const margin = this.measured ? 0 : Math.max(20, (end - begin) * 0.2);
		this.viewport.show(begin - margin, end + margin);
		this.moved();
	}

	measure(): void {
		if (!this.selected) return;
		this.anchor = this.selected;
		this.setMeasured(this.events.start(this.selected), this.events.stop(this.selected), true);
	}

	clear(): boolean {
		const something = !!(this.measured || this.selected);
		if (this.measured) { this.measured = this.anchor = null; this.save("measured", []); }
		else { this.selected = null; this.save("selected", -1); }
		this.showDetail();
		this.draw();
		return something;
	}

	/** Select an event and bring it into view; null leaves what is selected. */
	select(place: Place | null): void {
		if (!place) return;
		this.selected = place;
		this.fields = null;
		if (this.rows.uncover(place)) this.arranged();
		this.viewport.reveal(this.events.start(place), this.events.stop(place));
		this.revealRow(place);
		if (this.anchor) this.setMeasured(
			Math.min(this.events.start(this.anchor), this.events.start(place)),
			Math.max(this.events.stop(this.anchor), this.events.stop(place)), true);
		const row = this.events.row(place);
		this.save("selected", row);
		this.around.ask(row);
		this.showDetail();
		this.moved();
	}

	/** What Python knows of a row; shown if it is still the selected one. */
	takeFields(row: number, fields: Fields): void {
		if (!this.selected || this.events.row(this.selected) !== row) return;
		this.fields = fields;
		this.showDetail();
	}

	/* How it is kept together. */

	private setMeasured(begin: number, end: number, done: boolean): void {
		this.measured = [begin, Math.max(end, begin + 1)];
		if (done) { this.save("measured", this.measured.map(Math.round)); this.showDetail(); }
		this.draw();
	}

	private save(trait: keyof Link, value: number | number[]): void {
		this.model.set(trait, value as never);
		this.model.save_changes();
	}

	private moved(): void {
		this.draw();
		clearTimeout(this.saving);
		this.saving = window.setTimeout(() => this.save("shown", [Math.round(this.viewport.begin), Math.round(this.viewport.end)]), 200);
	}
	private saving = 0;

	/** Python has set a trait: show it, unless it is what is shown already. */
	private followLink(): void {
		const row = this.model.get("selected");
		const shown = this.model.get("shown");
		const measured = this.model.get("measured");
		if (measured.length === 2 && String(measured) !== String(this.measured?.map(Math.round))) this.setMeasured(measured[0], measured[1], true);
		if (!measured.length && this.measured) { this.measured = this.anchor = null; this.showDetail(); }
		if (row >= 0 && (!this.selected || this.events.row(this.selected) !== row)) this.select(this.events.ofRow(row));
		if (shown.length === 2 && Math.abs(shown[0] - this.viewport.begin) + Math.abs(shown[1] - this.viewport.end) > 2) this.viewport.show(shown[0], shown[1]);
		this.draw();
	}

	private firstShown(): Place | null { return this.events.neighbour(this.viewport.begin, -1, 1); }

	private centre(): number {
		if (!this.selected) return this.viewport.width / 2;
		const x = this.viewport.x(this.events.start(this.selected));
		return x >= 0 && x <= this.viewport.width ? x : this.viewport.width / 2;
	}

	private revealRow(place: Place): void {
		const row = this.rows.of(place);
		if (!row) return;
		const { scrollTop, clientHeight } = this.scroller;
		if (row.y < scrollTop + LANE_HEIGHT) this.scroller.scrollTop = row.y - LANE_HEIGHT * 2;
		else if (row.y + 2 * LANE_HEIGHT > scrollTop + clientHeight) this.scroller.scrollTop = row.y + 2 * LANE_HEIGHT - clientHeight;
	}

	private narrow(): void {
		const row = this.selected ? this.events.row(this.selected) : -1;
		this.events.narrow(this.query);
		this.rows.arrange();
		this.selected = row >= 0 ? this.events.ofRow(row) : null;
		this.anchor = null;
		this.arranged();
		this.tell();
		this.showDetail();
	}

	private arranged(): void {
		this.labels.refresh();
		const height = Math.min(MOST_HEIGHT, this.rows.height);
		this.scroller.style.height = `${height}px`;
		this.resize();
	}

	private resize(): void {
		const width = this.element.clientWidth;
		if (!width) return;
		this.theme ??= readTheme(this.element);
		const right = Math.max(50, this.scroller.clientWidth - LABEL_WIDTH);
		this.viewport.width = right;
		size(this.strip, width, OVERVIEW_HEIGHT);
		size(this.axis, right, AXIS_HEIGHT);
		size(this.lanes, right, this.scroller.clientHeight);
		this.counts = density(this.events, Math.round(width));
		this.draw();
	}

	private paint(): void {
		if (!this.theme) return;
		const began = performance.now();
		const context = (canvas: HTMLCanvasElement) => canvas.getContext("2d")!;
		const { events, viewport, rows, theme, selected } = this;
		drawOverview(context(this.strip), this.counts, events, viewport, theme);
		this.origin.textContent = drawAxis(context(this.axis), viewport, theme);
		drawLanes(context(this.lanes), { events, rows, viewport, theme, selected, top: this.scroller.scrollTop, height: this.scroller.clientHeight });
		this.placeVeil();
		performance.measure("rumplab timeline frame", { start: began, end: performance.now() });
	}

	private placeVeil(): void {
		this.veil.hidden = !this.measured;
		if (!this.measured) return;
		const [left, right] = this.measured.map((time) => Math.max(0, Math.min(this.viewport.width, this.viewport.x(time))));
		this.veil.style.left = `${LABEL_WIDTH + left}px`;
		this.veil.style.width = `${Math.max(1, right - left)}px`;
	}

	private tell(): void {
		const { matching, total } = this.events;
		const narrowed = this.query.text || this.query.least_ns;
		this.told.textContent = narrowed ? `${count(matching)} of ${count(total)}` : `${count(total)} events`;
	}

	private showDetail(): void {
		const button = (text: string, does: () => void) => h("button", { class: "rl-button", onclick: does }, text);
		const parts: HTMLElement[] = [];
		if (this.measured) parts.push(measureDetail(this.events, ...this.measured, [button("zoom to it", () => this.frame()), button("clear", () => this.clear())]));
		if (this.selected) parts.push(eventDetail(this.events, this.selected, this.fields, [button("zoom to it", () => { this.measured = null; this.frame(); }), button("show its row", () => this.open())]));
		if (!parts.length) parts.push(h("p", { class: "rl-soft" }, "Click an event to see it, drag to measure, Ctrl+wheel to zoom; with the keyboard press ? in the picture."));
		this.below.replaceChildren(...parts);
	}

	private filterField(): HTMLInputElement {
		let later = 0;
		const field = h("input", {
			class: "rl-field", type: "search", placeholder: "filter: write, rumpuser_*, thread:3, >10us, failed", title: WORDS, "aria-label": "filter the timeline",
			oninput: () => { clearTimeout(later); later = window.setTimeout(() => this.choose(field.value.trim()), 120); },
			onkeydown: (event: KeyboardEvent) => {
				event.stopPropagation();
				if (event.key === "Enter" || event.key === "Escape") this.lanes.focus();
				if (event.key === "Enter") this.anywhere(event.shiftKey ? -1 : 1);
			},
		});
		return field;
	}

	/** Show what some words mean: at once if that is known here; Python is asked in any case. */
	private choose(words: string): void {
		this.query.text = words;
		this.problem.hidden = true;
		if (words) this.around.choose(words);
		if (words && !isUnderstood(words)) return;
		this.query.rows = null;
		this.narrow();
	}

	/** Python's answer: what the words mean, or why they mean nothing. */
	takeChosen(words: string, problem: string, rows: Uint8Array): void {
		if (words !== this.query.text) return;
		this.problem.hidden = !problem;
		this.problem.textContent = problem;
		if (isUnderstood(words)) return;
		this.query.rows = rows;
		this.narrow();
	}

	private tools(): HTMLElement {
		const button = (text: string, label: string, does: () => void) => h("button", { class: "rl-button", "aria-label": label, title: label, onclick: does }, text);
		this.least.addEventListener("change", () => { this.query.least_ns = Number(this.least.value); this.narrow(); });
		return h("div", { class: "rl-tools" }, this.field, this.least, this.told,
			button("−", "zoom out", () => this.zoom(1 / 0.6)), button("+", "zoom in", () => this.zoom(0.6)),
			button("all", "show everything", () => this.fit()), button("?", "the keys", () => this.help()));
	}

	private addGestures(): void {
		const rowAt = (y: number) => this.rows.at(y + this.scroller.scrollTop);
		const under = (x: number, y: number) => { const row = rowAt(y); return row && pointed(this.events, row, this.viewport, x); };
		const pan = (pixels: number) => { this.viewport.pan(pixels); this.tip.hidden = true; this.moved(); };
		const zoom = (factor: number, x: number) => { this.viewport.zoom(factor, x); this.tip.hidden = true; this.moved(); };
		addPointer(this.lanes, {
			pan, zoom,
			measure: (from, to, done) => {
				this.anchor = null;
				this.setMeasured(this.viewport.time(Math.min(from, to)), this.viewport.time(Math.max(from, to)), done);
			},
			click: (x, y) => { this.anchor = null; const found = under(x, y); if (found) this.select(found.place); else this.clear(); },
			doubleClick: (x, y) => { const found = under(x, y); if (found) { this.measured = null; this.select(found.place); this.frame(); } },
			hover: (x, y) => this.hover(x, y, under(x, y)?.text ?? ""),
			leave: () => { this.tip.hidden = true; this.pointerX = null; },
		});
		addWheel(this.axis, { pan, zoom });
		this.axis.addEventListener("pointerdown", (event) => follow(this.axis, event, (_x, _y, by) => pan(-by)));
		this.strip.addEventListener("pointerdown", (event) => {
			const to = (x: number) => {
				const time = this.events.begin + (x / this.strip.clientWidth) * (this.events.end - this.events.begin);
				this.viewport.show(time - this.viewport.span / 2, time + this.viewport.span / 2);
				this.moved();
			};
			to(event.offsetX);
			follow(this.strip, event, (x) => to(x));
		});
	}

	private hover(x: number, y: number, text: string): void {
		this.pointerX = x;
		this.tip.hidden = !text;
		if (!text) return;
		this.tip.textContent = text;
		const left = Math.min(x + LABEL_WIDTH + 12, this.element.clientWidth - this.tip.offsetWidth - 8);
		this.tip.style.transform = `translate(${Math.max(4, left)}px, ${y + AXIS_HEIGHT + 14}px)`;
	}
}

/** Give a canvas a size in CSS pixels, at the screen's own resolution. */
function size(canvas: HTMLCanvasElement, width: number, height: number): void {
	const scale = window.devicePixelRatio || 1;
	const [w, hgt] = [Math.round(width * scale), Math.round(height * scale)];
	if (canvas.width !== w || canvas.height !== hgt) { canvas.width = w; canvas.height = hgt; }
	canvas.style.width = `${width}px`;
	canvas.style.height = `${height}px`;
	canvas.getContext("2d")!.setTransform(scale, 0, 0, scale, 0, 0);
}
