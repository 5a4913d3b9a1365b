/* keys.ts - the boot chart from the keyboard; the timeline's keys where both have them. */

import { takeKeys } from "../foundation/dom";

export interface BootMoves {
	pan(share: number): void;
	zoom(factor: number): void;
	fit(): void;
	start(): void;
	guest(): void;
	along(step: number): void; // to the phase below or above; ±Infinity: the ends
	frame(): void;
	measure(): void;
	clear(): boolean;
}

export const BOOT_KEYS: [keys: string, does: string][] = [
	["↑ ↓, Home End", "the phase above, below; the first, the last"],
	["W S, + −, Ctrl+wheel", "zoom in and out"],
	["A D, ← →, Shift+drag", "pan"],
	["0, T, G", "everything; the start, until main; the start inside the guest"],
	["Enter, F, double click", "zoom to the selected phase, or to what is measured"],
	["drag, M", "measure a stretch; the selected phase"],
	["Esc", "forget the measure, then the selection"],
];

const ACTIONS: Record<string, (moves: BootMoves) => void> = {
	a: (m) => m.pan(-0.2), d: (m) => m.pan(0.2), arrowleft: (m) => m.pan(-0.2), arrowright: (m) => m.pan(0.2),
	w: (m) => m.zoom(0.6), s: (m) => m.zoom(1 / 0.6), "+": (m) => m.zoom(0.6), "=": (m) => m.zoom(0.6), "-": (m) => m.zoom(1 / 0.6),
	arrowup: (m) => m.along(-1), arrowdown: (m) => m.along(1), home: (m) => m.along(-Infinity), end: (m) => m.along(Infinity),
	"0": (m) => m.fit(), t: (m) => m.start(), g: (m) => m.guest(), enter: (m) => m.frame(), f: (m) => m.frame(), m: (m) => m.measure(),
};

/** Take the keys of a focused element. */
export function addBootKeys(element: HTMLElement, moves: BootMoves): void {
	takeKeys(element, ACTIONS, moves);
}
