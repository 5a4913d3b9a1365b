/*
 * memory.ts - what each page of a guest's RAM is used for, above the table of its regions.
 *
 * A square stands for some pages, the most frequent use of them; colour and pattern say
 * the use, and words do when it is pointed at or walked to with the arrows.
 */

import type { RenderProps } from "@anywidget/types";
import { h, oncePerFrame } from "../foundation/dom";
import { bytes } from "../foundation/format";
import listing from "../foundation/listing";
import { onThemeChange, readTheme, type Theme } from "../foundation/theme";

interface Use { name: string; bytes: number; colour: string; pattern: number }
interface State { uses: Use[]; cells: DataView; cell_bytes: number }

const CELL = 8;
const COLUMNS = 100;

/** Strokes within a square, so that uses differ without colour. */
const PATTERNS: ((c: CanvasRenderingContext2D, x: number, y: number) => void)[] = [
	() => {},
	(c, x, y) => { c.moveTo(x + 1, y + 6); c.lineTo(x + 6, y + 1); },
	(c, x, y) => { c.moveTo(x + 1, y + 3.5); c.lineTo(x + 6, y + 3.5); },
	(c, x, y) => { c.moveTo(x + 3.5, y + 1); c.lineTo(x + 3.5, y + 6); },
	(c, x, y) => { c.rect(x + 3, y + 3, 1, 1); },
	(c, x, y) => { c.moveTo(x + 1, y + 1); c.lineTo(x + 6, y + 6); },
	(c, x, y) => { c.moveTo(x + 1, y + 1); c.lineTo(x + 6, y + 6); c.moveTo(x + 1, y + 6); c.lineTo(x + 6, y + 1); },
	(c, x, y) => { c.moveTo(x + 1, y + 2); c.lineTo(x + 6, y + 2); c.moveTo(x + 1, y + 5); c.lineTo(x + 6, y + 5); },
];

function square(c: CanvasRenderingContext2D, theme: Theme, use: Use, x: number, y: number): void {
	const free = use.name === "free";
	c.fillStyle = free ? theme.grid : theme.of(use.colour).solid;
	c.fillRect(x, y, CELL - 1, CELL - 1);
	if (free) return;
	c.strokeStyle = theme.paper;
	c.lineWidth = 1;
	c.beginPath();
	PATTERNS[use.pattern % PATTERNS.length](c, x, y);
	c.stroke();
}

function picture({ model, signal }: { model: RenderProps<State>["model"]; signal: AbortSignal }): HTMLElement {
	const canvas = h("canvas", { class: "rl-memory-pages", tabindex: 0, role: "application", "aria-label": "use of each page of RAM: arrows move" });
	const told = h("p", { class: "rl-memory-told", role: "status" });
	const key = h("ul", { class: "rl-memory-key" });
	const element = h("div", { class: "rl-memory" }, canvas, told, key);
	let theme: Theme | null = null;
	let at = -1;
	const cells = () => { const view = model.get("cells"); return new Uint8Array(view.buffer, view.byteOffset, view.byteLength); };
	const canvasSize = (c: HTMLCanvasElement, width: number, height: number) => {
		const scale = window.devicePixelRatio || 1;
		[c.width, c.height] = [Math.round(width * scale), Math.round(height * scale)];
		[c.style.width, c.style.height] = [`${width}px`, `${height}px`];
		c.getContext("2d")!.setTransform(scale, 0, 0, scale, 0, 0);
	};
	const tell = (cell: number) => {
		const uses = model.get("uses");
		const use = uses[cells()[cell]];
		if (!use) { told.textContent = `a square is ${bytes(model.get("cell_bytes"))} of RAM; point at one, or walk with the arrows`; return; }
		told.textContent = `0x${(cell * model.get("cell_bytes")).toString(16)}: ${use.name}`;
	};
	const draw = oncePerFrame(() => {
		if (!element.isConnected) return;
		theme ??= readTheme(element);
		const data = cells();
		canvasSize(canvas, COLUMNS * CELL, Math.ceil(data.length / COLUMNS) * CELL);
		const c = canvas.getContext("2d")!;
		data.forEach((use, i) => square(c, theme!, model.get("uses")[use], (i % COLUMNS) * CELL, Math.floor(i / COLUMNS) * CELL));
		if (at >= 0) {
			c.strokeStyle = theme.ink;
			c.lineWidth = 2;
			c.strokeRect((at % COLUMNS) * CELL - 1, Math.floor(at / COLUMNS) * CELL - 1, CELL + 1, CELL + 1);
		}
		key.replaceChildren(...model.get("uses").filter((use) => use.bytes > 0).map((use) => {
			const sample = h("canvas", { "aria-hidden": "true" });
			canvasSize(sample, CELL, CELL);
			square(sample.getContext("2d")!, theme!, use, 0, 0);
			return h("li", {}, sample, `${use.name} `, h("span", { class: "rl-soft" }, bytes(use.bytes)));
		}));
	});
	canvas.addEventListener("keydown", (event) => {
		const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS }[event.key];
		if (step === undefined) return;
		event.preventDefault();
		event.stopPropagation();
		at = Math.max(0, Math.min(cells().length - 1, Math.max(0, at) + (at < 0 ? 0 : step)));
		tell(at);
		draw();
	});
	canvas.addEventListener("pointermove", (event) => tell(Math.floor(event.offsetY / CELL) * COLUMNS + Math.min(COLUMNS - 1, Math.floor(event.offsetX / CELL))));
	canvas.addEventListener("pointerleave", () => tell(at));
	model.on("change:cells", draw);
	onThemeChange(() => { theme = null; draw(); }, signal);
	signal.addEventListener("abort", () => model.off("change:cells", draw));
	tell(-1);
	draw();
	return element;
}

function render(properties: RenderProps<any>): void {
	listing.render(properties);
	const tools = properties.el.querySelector(".rl-tools");
	if (properties.model.get("cells").byteLength) tools?.before(picture(properties));
}

export default { render };
