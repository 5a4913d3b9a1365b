/*
 * terminal.ts - xterm.js as a JupyterLab user expects a terminal: themes, keys, links.
 */

import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";

const SCROLLBACK_LINES = 10_000;

export interface Console { terminal: Terminal; fit: FitAddon; search: SearchAddon }

/** What the view does with keys that are not the program's. */
export interface Keys { find(): void; leave(): void }

/** A terminal in `place`; `raw` when the program sends CR before LF itself. */
export function makeConsole(place: HTMLElement, rows: number, columns: number, raw: boolean, keys: Keys): Console {
	const terminal = new Terminal({
		rows, cols: columns, convertEol: !raw, scrollback: SCROLLBACK_LINES, cursorBlink: false,
		allowProposedApi: true, minimumContrastRatio: 4.5, theme: theme(place),
		fontFamily: style(place, "--jp-code-font-family", "monospace"),
		fontSize: Number.parseFloat(style(place, "--jp-code-font-size", "13px")) || 13,
	});
	const fit = new FitAddon();
	const search = new SearchAddon();
	terminal.loadAddon(fit);
	terminal.loadAddon(search);
	terminal.loadAddon(new WebLinksAddon());
	terminal.open(place);
	terminal.textarea?.setAttribute("aria-label", "input to the guest's console");
	terminal.attachCustomKeyEventHandler((event) => !isOurs(event, terminal, keys));
	return { terminal, fit, search };
}

/** Keys of the view and of the browser: find, leave, copy a selection, paste. */
function isOurs(event: KeyboardEvent, terminal: Terminal, keys: Keys): boolean {
	const key = event.key.toLowerCase();
	if (key === "escape" && event.shiftKey) return ours(event, keys.leave);
	if (!event.ctrlKey && !event.metaKey) return false;
	if (key === "f" && event.shiftKey) return ours(event, keys.find);
	if (key === "v") return true;
	return key === "c" && (event.shiftKey || terminal.hasSelection()) ? copy(event, terminal) : false;
}

function ours(event: KeyboardEvent, act: () => void): boolean {
	event.preventDefault();
	if (event.type === "keydown") act();
	return true;
}

/** Without Shift the browser copies; with it, it would open its own tools. */
function copy(event: KeyboardEvent, terminal: Terminal): boolean {
	if (event.shiftKey) {
		event.preventDefault();
		if (event.type === "keydown") void navigator.clipboard?.writeText(terminal.getSelection());
	}
	return true;
}

/**
 * Let nobody answer what programs ask a terminal (where the cursor is, what it can) while
 * `mute()`: the question is an old one that is shown again, or another view answers it.
 */
export function muteAnswers(terminal: Terminal, mute: () => boolean): void {
	const { parser } = terminal;
	for (const id of [{ final: "c" }, { prefix: ">", final: "c" }, { prefix: "=", final: "c" }, { final: "n" }, { prefix: "?", final: "n" },
		{ intermediates: "$", final: "p" }, { prefix: "?", intermediates: "$", final: "p" }, { prefix: ">", final: "q" }])
		parser.registerCsiHandler(id, mute);
	parser.registerDcsHandler({ intermediates: "$", final: "q" }, mute);
	for (const colour of [4, 10, 11, 12])
		parser.registerOscHandler(colour, (data) => data.includes("?") && mute());
}

/** Colours of JupyterLab's theme; xterm keeps all text legible on its background. */
export function theme(place: HTMLElement): Record<string, string> {
	const paper = style(place, "--jp-cell-editor-background", "#ffffff");
	const ink = style(place, "--jp-content-font-color1", "#212121");
	const dark = document.body.dataset.jpThemeLight === "false";
	return {
		background: opaque(paper, dark ? "#111111" : "#ffffff"), foreground: opaque(ink, dark ? "#eeeeee" : "#212121"),
		cursor: opaque(ink, dark ? "#eeeeee" : "#212121"), cursorAccent: opaque(paper, dark ? "#111111" : "#ffffff"),
		selectionBackground: dark ? "#4a6a8a" : "#b3d4fc",
		...(dark ? DARK : LIGHT),
	};
}

const LIGHT = {
	black: "#212121", red: "#c62828", green: "#2e7d32", yellow: "#8d6e00", blue: "#1565c0", magenta: "#8e24aa", cyan: "#00778a", white: "#757575",
	brightBlack: "#616161", brightRed: "#d32f2f", brightGreen: "#388e3c", brightYellow: "#a07800", brightBlue: "#1976d2", brightMagenta: "#ab47bc", brightCyan: "#00838f", brightWhite: "#9e9e9e",
};
const DARK = {
	black: "#3a3a3a", red: "#ef6b6b", green: "#7bc47f", yellow: "#e0b84f", blue: "#6fb1f5", magenta: "#cf8ee0", cyan: "#5cc4d4", white: "#d6d6d6",
	brightBlack: "#8a8a8a", brightRed: "#ff8a80", brightGreen: "#a5d6a7", brightYellow: "#ffd76e", brightBlue: "#90caf9", brightMagenta: "#e1bee7", brightCyan: "#80deea", brightWhite: "#ffffff",
};

function style(place: HTMLElement, name: string, otherwise: string): string {
	return getComputedStyle(place).getPropertyValue(name).trim() || otherwise;
}

/** xterm takes #rgb and rgb(…) colours; a theme may have said something else. */
function opaque(colour: string, otherwise: string): string {
	const probe = document.createElement("canvas").getContext("2d");
	if (!probe) return otherwise;
	probe.fillStyle = otherwise;
	probe.fillStyle = colour;
	const found = String(probe.fillStyle);
	return found.startsWith("#") ? found : otherwise;
}
