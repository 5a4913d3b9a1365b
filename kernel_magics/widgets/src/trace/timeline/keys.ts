/* keys.ts - the timeline from the keyboard. */

import { takeKeys } from "../../foundation/dom";

export interface Moves {
	pan(share: number): void;
	zoom(factor: number): void;
	fit(): void;
	along(step: number): void;   // to the next event of the lane; ±Infinity: its ends
	across(step: number): void;  // to the lane below or above
	anywhere(step: 1 | -1): void; // to the next event in time, in any lane
	frame(): void;
	measure(): void;
	clear(): boolean;
	open(): void;
	search(): void;
	help(): void;
}

export const KEYS: [keys: string, does: string][] = [
	["W S, + −, Ctrl+wheel", "zoom in and out"],
	["A D, Shift+wheel, drag the axis", "pan"],
	["0", "show everything"],
	["← →, Home End", "the events of a lane"],
	["↑ ↓", "the lane above, below"],
	["N, P", "the next, previous event in any lane"],
	["drag; M", "measure a stretch; from the selected event on"],
	["F, double click", "zoom to what is measured or selected"],
	["Enter", "show the row of the table"],
	["/", "filter: write, rumpuser_*, thread:3, layer:sys, >10us, failed, -read"],
	["Esc", "forget the measure, then the selection"],
];

const ACTIONS: Record<string, (moves: Moves) => void> = {
	a: (m) => m.pan(-0.2), d: (m) => m.pan(0.2), w: (m) => m.zoom(0.6), s: (m) => m.zoom(1 / 0.6),
	"+": (m) => m.zoom(0.6), "=": (m) => m.zoom(0.6), "-": (m) => m.zoom(1 / 0.6), "0": (m) => m.fit(),
	arrowleft: (m) => m.along(-1), arrowright: (m) => m.along(1), arrowup: (m) => m.across(-1), arrowdown: (m) => m.across(1),
	home: (m) => m.along(-Infinity), end: (m) => m.along(Infinity), n: (m) => m.anywhere(1), p: (m) => m.anywhere(-1),
	f: (m) => m.frame(), m: (m) => m.measure(), enter: (m) => m.open(), "/": (m) => m.search(), "?": (m) => m.help(),
};

/** Take the keys of a focused element. */
export function addKeys(element: HTMLElement, moves: Moves): void {
	takeKeys(element, ACTIONS, moves);
}
