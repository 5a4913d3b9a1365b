/* dom.ts - building elements; every view is made of these and nothing else. */

type Child = Node | string | null | false;
type Attributes = Record<string, string | number | boolean | ((event: any) => void)>;

/* A notebook in command mode takes single keys, "x" cuts the cell; it asks the focused element. */
const OWN_KEYS = "data-lm-suppress-shortcuts";
const FOCUSABLE = { a: 1, button: 1, input: 1, select: 1, summary: 1 };

/** An element with attributes, listeners (`onclick: f`) and children; false skips one. */
export function h<K extends keyof HTMLElementTagNameMap>(
	tag: K, attributes: Attributes = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) {
		if (typeof value === "function") element.addEventListener(name.slice(2), value);
		else if (value !== false) element.setAttribute(name, value === true ? "" : String(value));
	}
	if (tag in FOCUSABLE || "tabindex" in attributes || attributes.role === "option") element.setAttribute(OWN_KEYS, "true");
	for (const child of children) if (child !== null && child !== false) element.append(child);
	return element;
}

/** A table with a header row; cells are text or nodes, `numeric` columns align right. */
export function table(
	caption: string, columns: string[], rows: (string | Node)[][], numeric: number[] = [],
): HTMLTableElement {
	const align = (column: number) => ({ class: numeric.includes(column) ? "rl-number" : false });
	const head = columns.map((name, c) => h("th", { scope: "col", ...align(c) }, name));
	const body = rows.map((row) => h("tr", {}, ...row.map((cell, c) => h("td", align(c), cell))));
	return h("table", { class: "rl-table" },
		h("caption", { class: "rl-hidden" }, caption),
		h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...body));
}

/** A horizontal bar of `share` (0..1); decoration: the number stands beside it. */
export function bar(share: number, colour = ""): HTMLElement {
	const width = Math.max(0, Math.min(1, share)) * 100;
	const style = `width:${width.toFixed(1)}%` + (colour ? `;background:${colour}` : "");
	return h("span", { class: "rl-bar", "aria-hidden": "true" }, h("span", { style }));
}

/** A line through `values`, scaled to its largest; decoration as well. */
export function sparkline(values: number[], width = 72, height = 16): SVGElement {
	const space = "http://www.w3.org/2000/svg";
	const svg = document.createElementNS(space, "svg");
	const top = Math.max(1, ...values);
	const step = width / Math.max(1, values.length - 1);
	const points = values.map((v, i) =>
		`${(i * step).toFixed(1)},${(height - 1 - (v / top) * (height - 2)).toFixed(1)}`);
	const line = document.createElementNS(space, "polyline");
	line.setAttribute("points", points.join(" "));
	svg.append(line);
	svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
	svg.setAttribute("class", "rl-spark");
	svg.setAttribute("aria-hidden", "true");
	return svg;
}

/** Call `act` each time the element comes into sight: what a notebook has scrolled away may have no size. */
export function whenSeen(element: HTMLElement, act: () => void, signal: AbortSignal): void {
	const observer = new IntersectionObserver((changes) => { if (changes.some((one) => one.isIntersecting)) act(); });
	observer.observe(element);
	signal.addEventListener("abort", () => observer.disconnect());
}

const PATIENCE_FRAMES = 4; // JupyterLab hides all there is for one while it changes its theme

/**
 * Run `draw` once in the next frame however often the result is called; only when it is
 * `ready`, which some frames are waited for.
 */
export function oncePerFrame(draw: () => void, ready = () => true): () => void {
	let waiting = 0;
	const next = () => requestAnimationFrame(() => {
		if (ready()) { waiting = 0; draw(); }
		else if (++waiting <= PATIENCE_FRAMES) next();
		else waiting = 0;
	});
	return () => {
		if (waiting) return;
		waiting = 1;
		next();
	};
}

/**
 * Take the keys of a focused element that mean something, and Escape if there is something to
 * clear; those with Ctrl, Alt or Meta stay the browser's.
 */
export function takeKeys<M extends { clear(): boolean }>(
	element: HTMLElement, actions: Record<string, (moves: M) => void>, moves: M): void {
	element.addEventListener("keydown", (event) => {
		if (event.ctrlKey || event.altKey || event.metaKey) return;
		const key = event.key.toLowerCase();
		if (key === "escape" ? !moves.clear() : !actions[key]) return;
		event.preventDefault();
		event.stopPropagation();
		actions[key]?.(moves);
	});
}
