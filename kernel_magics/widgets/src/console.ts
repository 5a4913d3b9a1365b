/*
 * console.ts - a guest's console: its output as it comes, and a line to answer with.
 *
 * Python sends text in pieces with their offset in the stream.  A view that comes late
 * or finds a gap asks for the tail again, so nothing is shown twice and nothing is split.
 */

import type { RenderProps } from "@anywidget/types";
import { h, oncePerFrame } from "./dom";
import { count } from "./format";
import { keepLease } from "./lease";
import { Screen } from "./screen";

interface Link { text: string; url: string }
interface State { name: string; state: string; running: boolean; height_lines: number; links: Link[] }
interface Piece { kind: string; start: number; end: number; text: string; note: string }

const END_OF_FILE = "\x04";
const ATTACH_MS = 1500;

/** Draw the lines that changed; the rest of the document stays as it is. */
function drawer(screen: Screen, log: HTMLElement): () => void {
	let removed = 0;
	return () => {
		const follow = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
		if (screen.cleared) {
			log.replaceChildren();
			removed = 0;
			screen.cleared = false;
		}
		for (; removed < screen.gone && log.firstChild; removed++) log.firstChild.remove();
		removed = screen.gone;
		const from = Math.max(screen.dirty, screen.gone);
		for (let number = from; number < screen.gone + screen.lines.length; number++) {
			const index = number - screen.gone;
			const line = lineElement(screen.lines[index]);
			if (index < log.childElementCount) log.children[index].replaceWith(line);
			else log.append(line);
		}
		screen.dirty = screen.gone + screen.lines.length - 1;
		if (follow) log.scrollTop = log.scrollHeight;
	};
}

function lineElement(cells: { text: string; style: string }[]): HTMLElement {
	const line = h("div");
	for (let start = 0; start < cells.length;) {
		let end = start;
		while (end < cells.length && cells[end].style === cells[start].style) end++;
		const text = cells.slice(start, end).map((c) => c.text).join("");
		line.append(cells[start].style ? h("span", { class: cells[start].style }, text) : text);
		start = end;
	}
	if (!cells.length) line.append("\u200b"); // an empty line keeps its height
	return line;
}

/** The line to type in: Enter sends, arrows recall, Ctrl-D ends the input, Esc leaves. */
function inputLine(send: (text: string) => void, leave: () => void): HTMLInputElement {
	const earlier: string[] = [];
	let position = 0;
	const recall = (step: number) => {
		position = Math.max(0, Math.min(earlier.length, position + step));
		input.value = earlier[position] ?? "";
	};
	const keys: Record<string, () => void> = {
		Enter: () => { earlier.push(input.value); position = earlier.length; send(`${input.value}\n`); input.value = ""; },
		ArrowUp: () => recall(-1),
		ArrowDown: () => recall(1),
		Escape: leave,
	};
	const input = h("input", {
		class: "rl-console-input rl-mono", autocomplete: "off", spellcheck: "false",
		"aria-label": "input to the guest's console",
		onkeydown: (event: KeyboardEvent) => {
			event.stopPropagation();
			const action = event.ctrlKey && event.key === "d" ? () => send(END_OF_FILE) : keys[event.key];
			if (!action || event.isComposing) return;
			event.preventDefault();
			action();
		},
	});
	return input;
}

/** A forwarded port; one that a browser can open is a link. */
function portLink({ text, url }: Link): HTMLElement {
	return url ? h("a", { href: url, target: "_blank", rel: "noopener", class: "rl-soft" }, text) : h("span", { class: "rl-soft" }, text);
}

function render({ model, el, signal }: RenderProps<State>): void {
	const screen = new Screen();
	const log = h("div", { class: "rl-console-log rl-mono", role: "log", tabindex: 0, "aria-label": `console of ${model.get("name")}` });
	log.style.maxHeight = `${model.get("height_lines") * 1.4}em`;
	const draw = oncePerFrame(drawer(screen, log));
	const badge = h("span", { class: "rl-badge", "data-role": "state" });
	const note = h("span", { class: "rl-soft", role: "status" });
	const input = inputLine((text) => model.send({ kind: "input", text }), () => log.focus());
	const prompt = h("label", { class: "rl-console-prompt" }, h("span", { "aria-hidden": "true" }, "›"), input);
	let position = -1;
	let attached = false;

	// Asked again until answered: the first may wait in the kernel behind a running cell.
	const attach = () => {
		if (attached || signal.aborted) return;
		model.send({ kind: "attach" });
		setTimeout(attach, ATTACH_MS);
	};
	const refresh = () => {
		const running = model.get("running");
		badge.textContent = model.get("state");
		input.disabled = !running;
		input.placeholder = running ? "type a line for the guest, Enter sends it" : "the guest is gone";
	};
	const take = (piece: Piece) => {
		if (piece.kind === "note") { note.textContent = piece.note; return; }
		if (piece.kind !== "text" && piece.kind !== "tail") return;
		if (piece.kind === "tail") { screen.clear(); attached = true; }
		else if (piece.end <= position) return;
		else if (piece.start !== position && position >= 0) { attached = false; attach(); return; }
		position = piece.end;
		screen.feed(piece.text);
		note.textContent = piece.note || `${count(position)} bytes`;
		draw();
	};

	el.append(h("section", { class: "rl rl-console", "aria-label": `console of ${model.get("name")}` },
		h("div", { class: "rl-head" }, h("h4", {}, `Console of ${model.get("name")}`), note,
			h("span", { class: "rl-gap" }), ...model.get("links").map(portLink), badge),
		log, prompt));
	log.addEventListener("keydown", (event) => event.stopPropagation());
	model.on("msg:custom", take);
	model.on("change:state", refresh);
	model.on("change:running", refresh);
	signal.addEventListener("abort", () => {
		model.off("msg:custom", take);
		model.off("change:state", refresh);
		model.off("change:running", refresh);
	});
	keepLease(model, signal);
	attach();
	refresh();
}

export default { render };
