/* labels.ts - the names at the left of the lanes; a thread's folds and unfolds it. */

import { h } from "../../foundation/dom";
import { count } from "../../foundation/format";
import { HEAD_HEIGHT, LANE_HEIGHT, type Rows, type ThreadGroup } from "./rows";

export class Labels {
	readonly element: HTMLElement;

	constructor(private rows: Rows, width: number, private folded: () => void) {
		this.element = h("div", { class: "rl-tl-labels", style: `width:${width}px` });
	}

	refresh(): void {
		this.element.style.height = `${this.rows.height}px`;
		const focused = this.rows.groups.findIndex((g) => document.activeElement?.getAttribute("data-thread") === String(g.thread) && this.element.contains(document.activeElement));
		const heads = this.rows.groups.map((group) => this.head(group));
		const tracks = this.rows.lanes.filter((row) => row.lane === 0).map(({ y, track }) =>
			h("div", { class: "rl-tl-track", style: `top:${y}px;height:${LANE_HEIGHT}px`, title: `${count(track.count)} events` },
				h("i", { style: `background:${track.colour}`, "aria-hidden": "true" }), track.title));
		this.element.replaceChildren(...heads, ...tracks);
		if (focused >= 0) heads[focused].focus();
	}

	private head(group: ThreadGroup): HTMLElement {
		return h("button", {
			class: "rl-tl-thread", style: `top:${group.y}px;height:${HEAD_HEIGHT}px`, "data-thread": group.thread,
			"aria-expanded": String(!group.folded), title: group.name,
			onclick: () => { group.folded = !group.folded; this.rows.arrange(); this.folded(); },
		}, `${group.folded ? "▸" : "▾"} ${group.name}`);
	}
}
