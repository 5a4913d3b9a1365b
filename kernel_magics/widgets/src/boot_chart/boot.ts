/*
 * boot.ts - the phases of a boot on one axis of time: zoomed, panned, measured.
 *
 * Each phase has a line of its own and begins where the one above ends.  What a phase is, is
 * told below for the selected one; the table at the end has all in figures.
 */

import type { AnyModel, RenderProps } from "@anywidget/types";
import { addBootKeys, BOOT_KEYS, type BootMoves } from "./keys";
import { BootPicture, ROW_HEIGHT, type Phase } from "./picture";
import { h, oncePerFrame, table, whenSeen } from "../foundation/dom";
import { duration } from "../foundation/format";
import { addPointer } from "../foundation/pointer";
import { Viewport } from "../foundation/viewport";

interface State { title: string; rows: Phase[]; uncertainty_ns: number; selected: string; shown: number[]; measured: number[] }

let charts = 0; // on this page

class BootChart {
	private readonly number = ++charts;
	readonly element: HTMLElement;
	private phases: Phase[];
	private viewport: Viewport;
	private picture: BootPicture;
	private names: HTMLElement;
	private told = h("p", { class: "rl-boot-told", role: "status" });
	readonly draw: () => void;

	constructor(private model: AnyModel<State>) {
		this.phases = model.get("rows");
		const last = this.phases.at(-1);
		this.viewport = new Viewport(0, Math.max(1, last ? last.start + last.took : 1));
		this.picture = new BootPicture(this.phases, this.viewport);
		this.names = h("div", { class: "rl-boot-names", role: "listbox", tabindex: 0, "aria-label": "phases" },
			...this.phases.map((phase) => h("div", { role: "option", id: this.id(phase), "data-name": phase.name, onclick: () => this.select(phase.name) },
				h("i", { class: `rl-boot-side rl-boot-${phase.side}`, "aria-hidden": "true" }), phase.name,
				h("span", { class: "rl-hidden" }, ` ${phase.text}, ${phase.side}`))));
		this.draw = oncePerFrame(() => this.fill(), () => this.picture.element.clientWidth > 0);
		const help = h("details", { class: "rl-boot-help" }, h("summary", {}, "keys"),
			h("dl", {}, ...BOOT_KEYS.map(([keys, does]) => h("div", {}, h("dt", {}, keys), h("dd", {}, does)))));
		const button = (name: string, title: string, act: () => void) => h("button", { class: "rl-button", title, onclick: act }, name);
		this.element = h("section", { class: "rl rl-boot", "aria-label": model.get("title") },
			h("div", { class: "rl-head" }, h("h4", {}, model.get("title")), h("span", { class: "rl-soft" }, this.summary())),
			h("div", { class: "rl-tools" },
				button("all", "show everything (0)", () => this.show([])), button("start", "from the request to main (T)", () => this.start()),
				button("guest", "from its first instruction to main (G)", () => this.guest()),
				h("span", { class: "rl-boot-key" }, h("i", { class: "rl-boot-side rl-boot-host" }), "host", h("i", { class: "rl-boot-side rl-boot-guest" }), "guest"), help),
			h("div", { class: "rl-boot-body" }, this.names, this.picture.element), this.told, this.twin());
		const moves = this.moves();
		addBootKeys(this.names, moves);
		addBootKeys(this.picture.element as unknown as HTMLElement, moves);
		addPointer(this.picture.element as unknown as HTMLElement, {
			measure: (from, to) => this.measure(this.viewport.time(Math.min(from, to)), this.viewport.time(Math.max(from, to))),
			click: (_x, y) => { this.set("measured", []); this.select(this.at(y)?.name ?? ""); },
			doubleClick: (_x, y) => { this.select(this.at(y)?.name ?? ""); this.frame(); },
			hover: (_x, y) => { this.picture.element.setAttribute("data-over", this.at(y)?.name ?? ""); },
			leave: () => this.picture.element.removeAttribute("data-over"),
			pan: (pixels) => { this.viewport.pan(pixels); this.keep(); },
			zoom: (factor, x) => { this.viewport.zoom(factor, x); this.keep(); },
		});
	}

	private id(phase: Phase): string { return `rl-boot-${this.number}-${phase.name}`; }

	private summary(): string {
		const last = this.phases.at(-1);
		const off = this.model.get("uncertainty_ns");
		return `${duration(last ? last.start + last.took : 0)} in ${this.phases.length} phases` +
			(off ? `; between host and guest ± ${duration(off)}` : "");
	}

	private twin(): HTMLElement {
		const rows = this.phases.map((phase) => [phase.name, phase.side, duration(phase.start), phase.text, phase.meaning]);
		return h("details", { class: "rl-boot-table" }, h("summary", {}, "table"),
			table("the phases", ["phase", "where", "begins", "took", "what it is"], rows, [2, 3]));
	}

	private set<K extends keyof State>(name: K, value: State[K]): void {
		this.model.set(name, value);
		this.model.save_changes();
		this.draw();
	}

	private at(y: number): Phase | undefined { return this.phases[Math.floor(this.picture.row(y))]; }
	private get chosen(): Phase | undefined { return this.phases.find((phase) => phase.name === this.model.get("selected")); }

	private select(name: string): void {
		this.set("selected", name);
		const phase = this.chosen;
		if (!phase) return;
		this.viewport.reveal(phase.start, phase.start + phase.took);
		this.keep();
	}

	private measure(begin: number, end: number): void { this.set("measured", [begin, end]); }
	private keep(): void { this.set("shown", [this.viewport.begin, this.viewport.end]); }

	private show(stretch: number[]): void {
		if (stretch.length === 2) this.viewport.show(stretch[0], stretch[1]);
		else this.viewport.fit();
		this.set("shown", stretch.length === 2 ? [this.viewport.begin, this.viewport.end] : []);
	}

	/** Frame some phases with a little around them. */
	private around(phases: Phase[]): void {
		const [first, last] = [phases[0], phases.at(-1)];
		if (!first || !last) return;
		const [begin, end] = [first.start, last.start + last.took];
		const margin = Math.max(1, (end - begin) * 0.03);
		this.show([begin - margin, end + margin]);
	}

	private start(): void { this.around(this.phases.filter(({ name }) => name !== "main" && name !== "exit")); }
	private guest(): void { this.around(this.phases.filter(({ name, side }) => side === "guest" && name !== "main")); }

	private frame(): void {
		const measured = this.model.get("measured");
		if (measured.length === 2 && measured[1] > measured[0]) this.show(measured);
		else if (this.chosen) this.around([this.chosen]);
	}

	private moves(): BootMoves {
		return {
			pan: (share) => { this.viewport.pan(this.viewport.width * share); this.keep(); },
			zoom: (factor) => { this.viewport.zoom(factor); this.keep(); },
			fit: () => this.show([]), start: () => this.start(), guest: () => this.guest(), frame: () => this.frame(),
			along: (step) => {
				const from = this.phases.findIndex((phase) => phase === this.chosen);
				const to = from < 0 ? (step < 0 ? this.phases.length - 1 : 0) : Math.max(0, Math.min(this.phases.length - 1, from + step));
				if (this.phases[to]) this.select(this.phases[to].name);
			},
			measure: () => { if (this.chosen) this.measure(this.chosen.start, this.chosen.start + this.chosen.took); },
			clear: () => {
				if (this.model.get("measured").length) this.set("measured", []);
				else if (this.chosen) this.set("selected", "");
				else return false;
				return true;
			},
		};
	}

	/** Take what Python has set. */
	taken(): void {
		const shown = this.model.get("shown");
		if (shown.length === 2) this.viewport.show(shown[0], shown[1]);
		else this.viewport.fit();
		this.draw();
	}

	private fill(): void {
		const [chosen, measured] = [this.chosen, this.model.get("measured")];
		this.picture.paint(chosen?.name ?? "", measured);
		this.names.querySelectorAll<HTMLElement>("[role=option]").forEach((one) =>
			one.setAttribute("aria-selected", String(one.dataset.name === chosen?.name)));
		if (chosen) this.names.setAttribute("aria-activedescendant", this.id(chosen));
		else this.names.removeAttribute("aria-activedescendant");
		const last = this.phases.at(-1);
		const total = Math.max(1, last ? last.start + last.took : 1);
		const words = chosen ? `${chosen.name}: ${chosen.meaning || chosen.side}; ${chosen.text}, ${(100 * chosen.took / total).toFixed(1)} % of the whole, from ${duration(chosen.start)} on` : "";
		const across = measured.length === 2 ? `measured: ${duration(measured[1] - measured[0])}, from ${duration(Math.max(0, measured[0]))} on` : "";
		this.told.textContent = [across, words].filter(Boolean).join(" · ") || "select a phase, or drag to measure";
	}
}

function render({ model, el, signal }: RenderProps<State>): void {
	const chart = new BootChart(model);
	el.append(chart.element);
	const size = new ResizeObserver(() => chart.draw());
	size.observe(chart.element);
	whenSeen(chart.element, chart.draw, signal);
	const [draw, taken] = [() => chart.draw(), () => chart.taken()];
	for (const name of ["selected", "measured"] as const) model.on(`change:${name}`, draw);
	model.on("change:shown", taken);
	signal.addEventListener("abort", () => {
		size.disconnect();
		for (const name of ["selected", "measured"] as const) model.off(`change:${name}`, draw);
		model.off("change:shown", taken);
	});
	chart.element.style.setProperty("--rl-boot-row", `${ROW_HEIGHT}px`);
	chart.taken();
}

export default { render };
