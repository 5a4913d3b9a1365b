/* listing_detail.ts - what is told of a selected row: texts, fields, a backtrace. */

import { h } from "./dom";

export interface FrameTold { name: string; place: string; layer: string; colour: string; locals: [string, string][]; source: string; open?: boolean }
export interface Block { title: string; text?: string; fields?: [string, string][]; frames?: FrameTold[] }

export function blockElement(block: Block): HTMLElement {
	return h("div", { class: "rl-block" },
		!!block.title && h("h5", {}, block.title),
		!!block.fields?.length && h("dl", {}, ...block.fields.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", { class: "rl-mono" }, value)))),
		!!block.text && h("pre", { class: "rl-mono" }, block.text),
		!!block.frames?.length && h("ol", { class: "rl-frames" }, ...block.frames.map(frameElement)));
}

/** A call: its name, where it is, its layer; its source and variables to unfold. */
function frameElement(frame: FrameTold): HTMLElement {
	const line = [h("i", { class: "rl-dot", style: `background:${frame.colour}`, "aria-hidden": "true" }),
		h("b", { class: "rl-mono" }, frame.name), " ", h("span", { class: "rl-soft" }, [frame.layer, frame.place].filter(Boolean).join(" · "))];
	if (!frame.locals.length && !frame.source) return h("li", {}, ...line);
	return h("li", {}, h("details", { open: !!frame.open, "data-name": frame.name }, h("summary", {}, ...line),
		!!frame.source && h("pre", { class: "rl-mono" }, frame.source),
		frame.locals.length > 0 && h("dl", {}, ...frame.locals.map(([name, value]) =>
			h("div", {}, h("dt", { class: "rl-mono" }, name), h("dd", { class: "rl-mono" }, value))))));
}
