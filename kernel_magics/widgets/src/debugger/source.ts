/*
 * source.ts - a source file with a place for a breakpoint beside each line.
 *
 * One of the places is reached with Tab, the others from it with the arrows.
 */

import { h } from "../foundation/dom";

/** points: line → the number of a breakpoint there, and whether it is enabled. */
export interface Source { file: string; line: number; lines: [number, string][]; points: Record<string, [number, boolean]> }

export class SourceLines {
	readonly element = h("div", { class: "rl-debugger-source rl-mono", role: "group", "aria-label": "source" });
	private source: Source | null = null;
	private at = 0; // the line whose place has the focus, or would get it
	private told = "";

	constructor(private act: (file: string, line: number) => void) {
		this.element.addEventListener("click", (event) => {
			const line = this.lineOf(event.target as HTMLElement);
			if (line && (event.target as HTMLElement).closest("button")) this.set(line);
		});
		this.element.addEventListener("keydown", (event) => this.key(event));
		this.element.addEventListener("focusin", (event) => this.reach(this.lineOf(event.target as HTMLElement)));
	}

	/** Show a file; while the guest runs the last one stays. */
	show(source: Source | undefined, runs: boolean): void {
		const has = source?.lines?.length ? source : null;
		if (!has && runs) return;
		const told = JSON.stringify(has);
		if (told === this.told) return;
		const moved = has?.line !== this.source?.line || has?.file !== this.source?.file;
		const focused = this.element.contains(document.activeElement);
		const top = this.element.scrollTop;
		[this.source, this.told] = [has, told];
		this.element.hidden = !has;
		if (!has) return;
		if (moved && has.line) this.at = has.line;
		if (!has.lines.some(([number]) => number === this.at)) this.at = has.line || has.lines[0][0];
		this.element.replaceChildren(...has.lines.map(([number, text]) => this.row(number, text)));
		this.element.scrollTop = top;
		if (focused) this.place(this.at)?.focus({ preventScroll: true });
		if (moved && has.line) this.center(has.line);
	}

	/** Set or remove a breakpoint at the line with the focus, else where the guest stands. */
	toggle(): boolean {
		const line = this.element.contains(document.activeElement) ? this.at : this.source?.line;
		if (line) this.set(line);
		return !!line;
	}

	private set(line: number): void {
		if (this.source) this.act(this.source.file, line);
	}

	private row(number: number, text: string): HTMLElement {
		const { line, points } = this.source!;
		const point = points[String(number)];
		const sign = point ? (point[1] ? "●" : "○") : "";
		const title = point ? `remove breakpoint ${point[0]}` : "set a breakpoint here";
		return h("div", { class: "rl-debugger-line", "data-line": number, "aria-current": number === line && "step" },
			h("button", { class: "rl-debugger-spot", title, "aria-pressed": String(!!point), "aria-label": `breakpoint at line ${number}`, tabindex: number === this.at ? 0 : -1 }, sign),
			h("span", { class: "rl-debugger-number", "aria-hidden": "true" }, `${number === line ? "→" : ""}${number}`),
			h("code", {}, text || " "));
	}

	private lineOf(target: HTMLElement): number {
		return Number(target.closest<HTMLElement>("[data-line]")?.dataset.line ?? 0);
	}

	private place(line: number): HTMLElement | null {
		return this.element.querySelector(`[data-line="${line}"] button`);
	}

	private center(line: number): void {
		const row = this.place(line)?.parentElement;
		if (row) this.element.scrollTop = row.offsetTop - this.element.offsetTop - this.element.clientHeight / 3;
	}

	private reach(line: number): void {
		if (!line || line === this.at) return;
		this.place(this.at)?.setAttribute("tabindex", "-1");
		this.at = line;
		this.place(line)?.setAttribute("tabindex", "0");
	}

	private key(event: KeyboardEvent): void {
		const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
		if (step === undefined || !this.source || event.ctrlKey || event.metaKey || event.altKey) return;
		event.preventDefault();
		event.stopPropagation();
		const lines = this.source.lines;
		const from = lines.findIndex(([number]) => number === this.at);
		this.place(lines[Math.max(0, Math.min(lines.length - 1, from + step))][0])?.focus();
	}
}
