/*
 * console_log.ts - the terminal's text for those who do not see it: a log of lines.
 *
 * A terminal is drawn; a screen reader wants lines, each once.  Lines that have been written
 * are added to the log; a program that draws on the whole screen has its screen there instead.
 */

import type { Terminal } from "@xterm/xterm";

const LINES = 200;
const SETTLE_MS = 250;

/** Keep `log` in step with the terminal; returns what to call after each write. */
export function keepLog(terminal: Terminal, log: HTMLElement): () => void {
	let timer = 0;
	let first = 0; // the line of the buffer that comes next
	let last: HTMLElement | null = null;

	const lineText = (row: number) => terminal.buffer.active.getLine(row)?.translateToString(true) ?? "";
	const screen = () => {
		const top = terminal.buffer.active.baseY;
		log.setAttribute("aria-live", "off");
		log.replaceChildren(...Array.from({ length: terminal.rows }, (_, row) => line(lineText(top + row))));
		last = null;
		first = 0;
	};
	const lines = () => {
		const end = terminal.buffer.active.baseY + terminal.buffer.active.cursorY;
		if (end < first) { log.replaceChildren(); last = null; first = 0; }
		log.setAttribute("aria-live", "polite");
		last?.remove(); // the line being written is written anew
		for (let row = Math.max(first, end - LINES); row <= end; row++) log.append(last = line(lineText(row)));
		first = end;
		while (log.childElementCount > LINES) log.firstElementChild?.remove();
	};
	// A full scrollback shifts: then what is on the screen is all that is known to be new.
	terminal.onScroll(() => { if (terminal.buffer.active.length >= terminal.rows + (terminal.options.scrollback ?? 0)) first = 0; });
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
