/*
 * log.ts - the terminal's text for those who do not see it: a log of lines.
 *
 * A terminal is drawn; a screen reader wants lines, each once.  Lines that have been written
 * are added to the log; a program that draws on the whole screen has its screen there instead.
 */

import type { IMarker, Terminal } from "@xterm/xterm";

const LINES = 200;
const SETTLE_MS = 250;

/** Keep `log` in step with the terminal; returns what to call after each write. */
export function keepLog(terminal: Terminal, log: HTMLElement): () => void {
	let timer = 0;
	let mark: IMarker | undefined; // where the line stands that was being written
	let last: HTMLElement | null = null;

	const lineText = (row: number) => terminal.buffer.active.getLine(row)?.translateToString(true) ?? "";
	const begin = (live: string, ...children: HTMLElement[]) => {
		log.setAttribute("aria-live", live);
		log.replaceChildren(...children);
		last = null;
		mark?.dispose();
		mark = undefined;
	};
	const screen = () => {
		const top = terminal.buffer.active.baseY;
		begin("off", ...Array.from({ length: terminal.rows }, (_, row) => line(lineText(top + row))));
	};
	const lines = () => {
		const buffer = terminal.buffer.active;
		const end = buffer.baseY + buffer.cursorY;
		const from = mark && !mark.isDisposed ? mark.line : -1;
		if (from < 0 || from > end) begin("polite");
		last?.remove(); // the line being written is written anew
		for (let row = Math.max(from, end - LINES, 0); row <= end; row++) log.append(last = line(lineText(row)));
		while (log.childElementCount > LINES) log.firstElementChild?.remove();
		mark?.dispose();
		mark = terminal.registerMarker(0);
	};
	return () => {
		if (!timer) timer = window.setTimeout(() => {
			timer = 0;
			if (terminal.buffer.active.type === "alternate") screen();
			else lines();
		}, SETTLE_MS);
	};
}

function line(text: string): HTMLElement {
	const element = document.createElement("div");
	element.textContent = text || "\u200b";
	return element;
}
