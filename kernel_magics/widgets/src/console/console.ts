/*
 * console.ts - a terminal on a guest's console.
 *
 * Python sends bytes in pieces with their offset in the stream, no more than this view has
 * said it has shown.  A view that finds a gap asks for all of it again, so nothing is shown
 * twice and nothing is left out unless it says so.
 */

import type { AnyModel, RenderProps } from "@anywidget/types";
import { findField } from "./find";
import { keepLog } from "./log";
import { h, oncePerFrame, whenSeen } from "../foundation/dom";
import { count } from "../foundation/format";
import { makeConsole, muteAnswers, theme, type Console } from "./terminal";

interface Link { text: string; url: string }
interface State {
	name: string; state: string; running: boolean; height_lines: number; terminal: boolean;
	rows: number; columns: number; answering: string; note: string; links: Link[];
}
interface Piece { kind: string; browser: string; start: number; end: number; anew: boolean; replay_end: number }

const ATTACH_MS = 1500;
const HERE_MS = 4000;
const RESIZE_MS = 100;
const RESET = "\x1bc"; // RIS, ECMA-48

type Model = AnyModel<State>;

/** The stream's bytes into the terminal, each once and in order. */
class Stream {
	position = -1;
	shown = 0;
	skipped = 0;
	replayEnd = 0;
	attached = false;

	constructor(private readonly browser: string, private readonly model: Model, private readonly view: Console, private readonly wrote: () => void) {}

	get replaying(): boolean { return this.shown < this.replayEnd; }

	attach(): void {
		this.attached = false;
		this.model.send({ kind: "attach", browser: this.browser });
	}

	take(piece: Piece, data: Uint8Array): void {
		if (piece.anew) this.begin(piece);
		else if (piece.start !== this.position) { if (this.attached) this.attach(); return; }
		this.attached = true;
		this.position = piece.end; // of a flood, lines that would be gone by now were left out
		const end = this.position;
		this.view.terminal.write(data, () => {
			this.shown = end;
			this.model.send({ kind: "shown", browser: this.browser, end });
			this.wrote();
		});
	}

	private begin(piece: Piece): void {
		this.skipped = this.position < 0 ? piece.start : this.skipped + Math.max(0, piece.start - this.position);
		this.replayEnd = piece.replay_end;
		this.shown = piece.start;
		this.view.terminal.write(RESET); // reset() would come before what is still to be written
	}
}

/** A forwarded port; one that a browser can open is a link. */
function portLink({ text, url }: Link): HTMLElement {
	return url ? h("a", { href: url, target: "_blank", rel: "noopener", class: "rl-soft" }, text) : h("span", { class: "rl-soft" }, text);
}

/** Tell Python how large the terminal is where it stands, when that changes. */
function keepSize(model: Model, browser: string, view: Console, place: HTMLElement, signal: AbortSignal): void {
	let timer = 0;
	let told = "";
	const tell = () => {
		timer = 0;
		const size = view.fit.proposeDimensions();
		if (!place.isConnected || !place.offsetWidth || !size || !(size.rows > 1 && size.cols > 1)) return;
		if (told === `${size.rows} ${size.cols}`) return;
		told = `${size.rows} ${size.cols}`;
		const screen = place.querySelector<HTMLElement>(".xterm-screen");
		const cell = { width: (screen?.offsetWidth ?? 0) / view.terminal.cols, height: (screen?.offsetHeight ?? 0) / view.terminal.rows };
		model.send({ kind: "size", browser, rows: size.rows, columns: size.cols,
			width: Math.round(cell.width * size.cols), height: Math.round(cell.height * size.rows) });
	};
	const observer = new ResizeObserver(() => { if (!timer) timer = window.setTimeout(tell, RESIZE_MS); });
	observer.observe(place);
	view.terminal.textarea?.addEventListener("focus", () => { told = ""; tell(); }, { signal });
	signal.addEventListener("abort", () => { observer.disconnect(); clearTimeout(timer); });
}

/** A closed tab says no goodbye, so a view says now and then that it is there. */
function keepHere(model: Model, browser: string, signal: AbortSignal): void {
	const here = () => { if (!document.hidden) model.send({ kind: "here", browser }); };
	const timer = setInterval(here, HERE_MS);
	document.addEventListener("visibilitychange", here, { signal });
	signal.addEventListener("abort", () => { clearInterval(timer); model.send({ kind: "gone", browser }); });
}

function render({ model, el, signal }: RenderProps<State>): void {
	const browser = crypto.randomUUID();
	const place = h("div", { class: "rl-console-screen", "data-lm-suppress-shortcuts": "true" });
	const badge = h("span", { class: "rl-badge", "data-role": "state" });
	const note = h("span", { class: "rl-soft", role: "status" });
	const log = h("div", { class: "rl-hidden", role: "log", "aria-label": `console of ${model.get("name")}` });
	const head = h("div", { class: "rl-head", tabindex: -1 });
	const section = h("section", { class: "rl rl-console", "aria-label": `console of ${model.get("name")}` }, head, place, log);
	el.append(section);

	const view = makeConsole(place, model.get("height_lines"), model.get("columns"), model.get("terminal"),
		{ find: () => find.open(), leave: () => head.focus() });
	const { terminal } = view;
	whenSeen(place, () => {
		const screen = place.querySelector<HTMLElement>(".xterm-screen");
		if (!place.style.height && screen?.offsetHeight) place.style.height = `${screen.offsetHeight + 12}px`;
	}, signal);
	const find = findField(view.search, () => terminal.focus());
	const logged = keepLog(terminal, log);
	const stream = new Stream(browser, model, view, () => { logged(); refreshLater(); });
	muteAnswers(terminal, () => stream.replaying || model.get("answering") !== browser);

	const refreshNote = () => {
		const skipped = stream.skipped ? `; ${count(stream.skipped)} bytes before are not shown` : "";
		note.textContent = model.get("note") + skipped;
		section.dataset.shown = String(stream.shown);
		section.dataset.skipped = String(stream.skipped);
	};
	const refreshLater = oncePerFrame(refreshNote);
	const refresh = () => {
		const running = model.get("running");
		badge.textContent = model.get("state");
		terminal.options.disableStdin = !running;
		terminal.options.cursorInactiveStyle = running ? "outline" : "none";
		refreshNote();
	};
	const resize = () => { terminal.resize(model.get("columns"), model.get("rows")); };
	const take = (message: Piece, buffers: DataView[]) => {
		if (message.kind !== "bytes" || message.browser !== browser) return;
		const data = buffers[0];
		stream.take(message, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
	};
	// Asked again until answered: the first may wait in the kernel behind a running cell.
	const attach = () => {
		if (stream.position >= 0 || signal.aborted) return;
		stream.attach();
		setTimeout(attach, ATTACH_MS);
	};

	head.append(h("h4", {}, `Console of ${model.get("name")}`), note, h("span", { class: "rl-gap" }),
		...model.get("links").map(portLink),
		h("button", { class: "rl-button rl-quiet", title: "Ctrl+Shift+F in the terminal; Shift+Esc leaves it", onclick: () => find.open() }, "find"), badge);
	head.after(find.element);
	let typed = 0; // the kernel may take messages in another order than they were sent
	const send = (text: string, binary: boolean) => model.send({ kind: "input", browser, number: typed++, text, binary });
	terminal.onData((text) => send(text, false));
	terminal.onBinary((text) => send(text, true));
	for (const event of ["keydown", "keyup", "keypress", "paste", "copy", "cut", "contextmenu", "wheel"])
		place.addEventListener(event, (happened) => happened.stopPropagation());

	const changes: [string, () => void][] = [["change:state", refresh], ["change:running", refresh], ["change:note", refreshNote],
		["change:rows", resize], ["change:columns", resize]];
	for (const [name, act] of changes) model.on(name as "change:state", act);
	model.on("msg:custom", take);
	const themes = new MutationObserver(() => { terminal.options.theme = theme(place); });
	themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
	signal.addEventListener("abort", () => {
		for (const [name, act] of changes) model.off(name as "change:state", act);
		model.off("msg:custom", take);
		themes.disconnect();
		terminal.dispose();
	});
	keepHere(model, browser, signal);
	keepSize(model, browser, view, place, signal);
	attach();
	refresh();
}

export default { render };
