/*
 * layers.ts - a guest as a stack of layers, with the calls across each boundary.
 *
 * Python sends `picture` once (layers, boundaries, the largest symbols of each layer)
 * and `sample` while the guest runs (state, calls since boot).  The stack is one tab
 * stop: arrows move through it, and what is selected is told at the right.
 */

import type { AnyModel, RenderProps } from "@anywidget/types";
import { h, oncePerFrame } from "../foundation/dom";
import { bytes, calls, rate } from "../foundation/format";
import { boundaryDetail, layerDetail, type Boundary, type Detail, type Layer } from "./detail";
import { keepLease } from "../foundation/lease";
import { Rates, type Sample } from "./rates";

interface Picture { name: string; size_bytes: number; note: string; lost: string; layers: Layer[]; boundaries: Boundary[] }
interface State { picture: Picture; sample: Sample; selected: string }

/** One row of the stack: the element and how to bring its figures up to date. */
interface Row { key: string; element: HTMLElement; refresh: () => void }

function layerRow(layer: Layer, largest: number): Row {
	const share = layer.bytes === null ? 0 : layer.bytes / largest;
	const element = h("div", { class: "rl-layer", role: "option", title: layer.description, style: `--rl-layer:${layer.colour}` },
		h("b", { class: "rl-mono" }, layer.name), h("span", { class: "rl-title" }, layer.title),
		h("span", { class: "rl-number" }, layer.bytes === null ? "" : bytes(layer.bytes)),
		share > 0 && h("i", { "aria-hidden": "true", style: `width:${(share * 100).toFixed(1)}%` }));
	return { key: layer.name, element, refresh: () => {} };
}

function boundaryRow(boundary: Boundary, rates: Rates): Row {
	const total = h("span", { class: "rl-number", title: "calls since boot" });
	const speed = h("span", { class: "rl-number", title: "calls per second" });
	const spark = h("span");
	const element = h("div", { class: "rl-boundary", role: "option" },
		h("span", { "aria-hidden": "true" }, "▼"),
		h("span", { class: "rl-seam" }, boundary.title), total, speed, spark);
	const refresh = () => {
		if (!boundary.counted) return;
		total.textContent = rates.known ? calls(rates.total(boundary.key)) : "";
		speed.textContent = rates.live ? rate(rates.perSecond(boundary.key)) : "";
		spark.replaceChildren(...(rates.live ? [rates.line(boundary.key)] : []));
	};
	return { key: boundary.key, element, refresh };
}

/** From the application down to the host; layers with no boundary between them share a line. */
function stackLines(picture: Picture, rates: Rates): Row[][] {
	const largest = Math.max(1, ...picture.layers.map((layer) => layer.bytes ?? 0));
	const lines: Row[][] = [[]];
	for (const layer of picture.layers) {
		const boundary = picture.boundaries.find((b) => b.lower === layer.name);
		if (boundary) lines.push([boundaryRow(boundary, rates)], []);
		lines.at(-1)!.push(layerRow(layer, largest));
	}
	return lines;
}

const ARROWS: Record<string, number> = {
	ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1, Home: -1e6, End: 1e6,
};

function addKeyboard(rows: Row[], select: (key: string) => void): void {
	rows.forEach((row, index) => {
		row.element.addEventListener("click", () => select(row.key));
		row.element.addEventListener("keydown", (event) => {
			const step = ARROWS[event.key];
			if (step === undefined) return;
			event.preventDefault();
			event.stopPropagation(); // the notebook moves between cells with these
			const next = rows[Math.max(0, Math.min(rows.length - 1, index + step))];
			select(next.key);
			next.element.focus();
		});
	});
}

function detailOf(model: AnyModel<State>, rates: Rates, key: string): Detail | null {
	const { layers, boundaries, note } = model.get("picture");
	const layer = layers.find((l) => l.name === key);
	if (layer) return layerDetail(model, layer);
	const boundary = boundaries.find((b) => b.key === key);
	return boundary ? boundaryDetail(boundary, rates, note) : null;
}

function header(picture: Picture, sample: () => Sample): Row {
	const badge = h("span", { class: "rl-badge", "data-role": "state" });
	const element = h("div", { class: "rl-head" },
		h("h4", {}, `Layers of ${picture.name}`),
		h("span", { class: "rl-soft" }, `${bytes(picture.size_bytes)} to load${picture.lost && ` · ${picture.lost}`}`),
		h("span", { class: "rl-gap" }), badge);
	const refresh = () => {
		badge.textContent = sample().state;
		badge.hidden = sample().state === "";
	};
	return { key: "", element, refresh };
}

function render({ model, el, signal }: RenderProps<State>): void {
	const picture = model.get("picture");
	const rates = new Rates(picture.boundaries.map((b) => b.key));
	const head = header(picture, () => model.get("sample"));
	const lines = stackLines(picture, rates);
	const rows = lines.flat();
	const pane = h("div", { class: "rl-detail", role: "region", "aria-label": "selected" });
	let detail: Detail | null = null;

	const show = () => {
		const key = model.get("selected");
		for (const row of rows) {
			row.element.setAttribute("aria-selected", String(row.key === key));
			row.element.tabIndex = row.key === key ? 0 : -1;
		}
		detail = detailOf(model, rates, key);
		pane.replaceChildren(...(detail ? detail.elements : []));
	};
	const select = (key: string) => { model.set("selected", key); model.save_changes(); };
	const refresh = oncePerFrame(() => {
		for (const row of [head, ...rows]) row.refresh();
		detail?.refresh();
	});
	const take = () => { rates.add(model.get("sample")); refresh(); };

	addKeyboard(rows, select);
	const stack = h("div", { class: "rl-stack", role: "listbox", "aria-label": "layers and the boundaries between them" },
		...lines.map((line) => h("div", { class: "rl-line", role: "presentation" }, ...line.map((row) => row.element))));
	el.append(h("section", { class: "rl rl-layers", "aria-label": `layers of ${picture.name}` },
		head.element, h("div", { class: "rl-layers-split" }, stack, pane)));
	model.on("change:selected", show);
	model.on("change:sample", take);
	signal.addEventListener("abort", () => {
		model.off("change:selected", show);
		model.off("change:sample", take);
	});
	keepLease(model, signal);
	show();
	take();
}

export default { render };
