/* picture.ts - the boot chart's drawing: an axis, and a bar for each phase. */

import type { Viewport } from "../foundation/viewport";

export interface Phase { name: string; start: number; took: number; text: string; meaning: string; side: "host" | "guest" }

export const ROW_HEIGHT = 22, AXIS_HEIGHT = 22;
const SPACE = "http://www.w3.org/2000/svg";
let pictures = 0; // on this page: each has a pattern of its own name
const LEAST_WIDTH = 2, TEXT_WIDTH = 7, BAR_INSET = 4;

function make(tag: string, attributes: Record<string, string | number>, text = ""): SVGElement {
	const element = document.createElementNS(SPACE, tag);
	for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
	if (text) element.textContent = text;
	return element;
}

export class BootPicture {
	readonly element = make("svg", { class: "rl-boot-picture", tabindex: 0, role: "img", "data-lm-suppress-shortcuts": "true" }) as SVGSVGElement;

	private readonly pattern = `rl-boot-hatch-${++pictures}`;

	constructor(private phases: Phase[], private viewport: Viewport) {
		this.element.setAttribute("height", String(AXIS_HEIGHT + phases.length * ROW_HEIGHT));
		this.element.setAttribute("aria-label", "phases over time; the table below has the figures");
	}

	/** Which phase's line a height is in; below 0 is the axis. */
	row(y: number): number { return (y - AXIS_HEIGHT) / ROW_HEIGHT; }

	paint(selected: string, measured: number[]): void {
		this.viewport.width = Math.max(1, this.element.clientWidth);
		this.element.replaceChildren(this.hatch(), ...this.axis(), ...this.phases.flatMap((phase, row) => this.bar(phase, row, phase.name === selected)), ...this.veil(measured));
	}

	/** The guest's bars are hatched, so that colour alone tells nothing. */
	private hatch(): SVGElement {
		const pattern = make("pattern", { id: this.pattern, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
		pattern.append(make("rect", { width: 6, height: 6, class: "rl-boot-ink-guest" }), make("line", { x1: 0, y1: 0, x2: 0, y2: 6, class: "rl-boot-line" }));
		const definitions = make("defs", {});
		definitions.append(pattern);
		return definitions;
	}

	private axis(): SVGElement[] {
		const bottom = AXIS_HEIGHT + this.phases.length * ROW_HEIGHT;
		return this.viewport.marks(100).flatMap(({ time, label }) => {
			const x = Math.round(this.viewport.x(time)) + 0.5;
			return [make("line", { x1: x, y1: AXIS_HEIGHT - 5, x2: x, y2: bottom, class: "rl-boot-mark" }),
				make("text", { x: x + 3, y: AXIS_HEIGHT - 8, class: "rl-boot-axis" }, label)];
		});
	}

	private bar(phase: Phase, row: number, chosen: boolean): SVGElement[] {
		const y = AXIS_HEIGHT + row * ROW_HEIGHT;
		const [from, to] = [this.viewport.x(phase.start), this.viewport.x(phase.start + phase.took)];
		const made: SVGElement[] = [];
		if (chosen) made.push(make("rect", { x: 0, y, width: this.viewport.width, height: ROW_HEIGHT, class: "rl-boot-chosen" }));
		if (to < 0 || from > this.viewport.width) {
			made.push(make("text", { x: to < 0 ? 4 : this.viewport.width - 4, y: y + 15, "text-anchor": to < 0 ? "start" : "end", class: "rl-boot-axis" }, to < 0 ? `◂ ${phase.text}` : `${phase.text} ▸`));
			return made;
		}
		const [left, right] = [Math.max(-2, from), Math.min(this.viewport.width + 2, Math.max(to, from + LEAST_WIDTH))];
		made.push(make("rect", { x: left, y: y + BAR_INSET, width: right - left, height: ROW_HEIGHT - 2 * BAR_INSET, rx: 2, class: `rl-boot-bar rl-boot-bar-${phase.side}`, "data-name": phase.name, ...(phase.side === "guest" ? { fill: `url(#${this.pattern})` } : {}) }));
		const room = phase.text.length * TEXT_WIDTH + 8;
		const behind = right + room < this.viewport.width;
		if (behind || left > room) made.push(make("text", { x: behind ? right + 5 : left - 5, y: y + 15, "text-anchor": behind ? "start" : "end", class: "rl-boot-took" }, phase.text));
		return made;
	}

	private veil(measured: number[]): SVGElement[] {
		if (measured.length !== 2) return [];
		const [from, to] = [this.viewport.x(measured[0]), this.viewport.x(measured[1])];
		return [make("rect", { x: from, y: 0, width: Math.max(1, to - from), height: AXIS_HEIGHT + this.phases.length * ROW_HEIGHT, class: "rl-boot-veil" })];
	}
}
