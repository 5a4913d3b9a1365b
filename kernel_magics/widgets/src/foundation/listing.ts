/*
 * listing.ts - a table that a guest's subject fills: threads, files, sockets, regions.
 *
 * Python sends the rows again when they have changed; what is sorted, filtered and
 * selected stays so.  A selected row's details are asked of Python.
 */

import type { AnyModel, RenderProps } from "@anywidget/types";
import { bar, h, oncePerFrame, table } from "./dom";
import { bytes, count, duration } from "./format";
import { keepLease } from "./lease";
import { blockElement, type Block } from "./listing_detail";

type Cell = string | number | boolean | null;
type Kind = "text" | "number" | "bytes" | "ns" | "address" | "flag";
interface Column { name: string; title: string; kind: Kind; colours?: Record<string, string> }
interface State {
	title: string; noun: string; columns: Column[]; rows: Cell[][]; total: number; problems: string[];
	selected: string; has_detail: boolean; detail: { key: string; blocks: Block[] }; state: string; live: boolean;
}

const NUMERIC: Kind[] = ["number", "bytes", "ns", "address"];

function text(value: Cell, kind: Kind): string {
	if (value === null || value === "") return "";
	if (kind === "bytes") return bytes(Number(value));
	if (kind === "ns") return duration(Number(value));
	if (kind === "number" && typeof value === "number") return Number.isInteger(value) ? count(value) : String(value);
	if (kind === "flag") return value ? "✓" : "";
	return String(value);
}

/** "locks" of one, "processes" of one. */
const single = (noun: string): string => noun.replace(/(ss)es$|s$/, "$1");

/** Addresses come as text, because they have more bits than a number holds. */
function order(a: Cell, b: Cell, kind: Kind): number {
	if (a === b) return 0;
	if (a === null) return -1;
	if (b === null) return 1;
	if (kind === "address") return String(a).length - String(b).length || String(a).localeCompare(String(b));
	if (typeof a === "number" && typeof b === "number") return a - b;
	return String(a).localeCompare(String(b), "en", { numeric: true });
}

class Listing {
	readonly list = h("div", { class: "rl-scroll", role: "region", tabindex: 0 });
	readonly told = h("span", { class: "rl-soft", role: "status" });
	readonly detail = h("div", { class: "rl-listing-detail", role: "region", "aria-label": "details", "aria-live": "polite", hidden: true });
	readonly field: HTMLInputElement;
	private sort = 0;
	private down = false;
	private sorted = false;
	readonly draw = oncePerFrame(() => this.fill());

	constructor(private model: AnyModel<State>) {
		this.list.setAttribute("aria-label", model.get("title"));
		this.field = h("input", {
			class: "rl-field", type: "search", placeholder: "filter", "aria-label": `filter ${model.get("noun")}`,
			onkeydown: (event: KeyboardEvent) => event.stopPropagation(), oninput: () => this.draw(),
		});
		this.list.addEventListener("keydown", (event) => this.key(event));
	}

	private shown(): Cell[][] {
		const columns = this.model.get("columns");
		const words = this.field.value.toLowerCase().split(/\s+/).filter(Boolean);
		const rows = this.model.get("rows").filter((row) => {
			const line = row.map((value, c) => text(value, columns[c].kind)).join(" ").toLowerCase();
			return words.every((word) => line.includes(word));
		});
		if (!this.sorted) return rows;
		const sign = this.down ? -1 : 1;
		return rows.sort((a, b) => sign * order(a[this.sort], b[this.sort], columns[this.sort].kind));
	}

	private fill(): void {
		const columns = this.model.get("columns");
		const rows = this.shown();
		const most = columns.map((column, c) => column.kind === "ns" || column.kind === "bytes" ? Math.max(1, ...rows.map((row) => Number(row[c]))) : 0);
		const cells = rows.map((row) => row.map((value, c) => this.cell(value, columns[c], most[c])));
		const made = table(this.model.get("title"), columns.map((column) => column.title), cells,
			columns.flatMap(({ kind }, c) => NUMERIC.includes(kind) ? [c] : []));
		made.querySelectorAll("th").forEach((head, c) => this.heading(head, c));
		rows.forEach((row, r) => this.row(made.tBodies[0].rows[r], String(row[0])));
		const focused = this.list.contains(document.activeElement) && document.activeElement !== this.list;
		const top = this.list.scrollTop;
		this.list.replaceChildren(made);
		this.list.scrollTop = top;
		if (focused) made.querySelector<HTMLElement>("[aria-selected=true]")?.focus({ preventScroll: true });
		const [sent, total] = [this.model.get("rows").length, this.model.get("total")];
		const noun = total === 1 ? single(this.model.get("noun")) : this.model.get("noun");
		this.told.textContent = rows.length < sent ? `${count(rows.length)} of ${count(sent)} ${noun}`
			: sent < total ? `${count(sent)} of ${count(total)} ${noun}; .df has all` : `${count(total)} ${noun}`;
	}

	private cell(value: Cell, { kind, colours }: Column, most: number): Node | string {
		const said = text(value, kind);
		if (colours?.[String(value)]) return h("span", {}, h("i", { class: "rl-dot", style: `background:${colours[String(value)]}`, "aria-hidden": "true" }), said);
		if (most) return h("span", {}, h("span", { class: "rl-listing-bar" }, bar(Number(value) / most)), h("span", { class: "rl-listing-amount" }, said));
		return h("span", { class: kind === "address" || kind === "text" ? "rl-mono" : "", title: said }, said);
	}

	private heading(head: HTMLElement, c: number): void {
		const { title, kind } = this.model.get("columns")[c];
		const mine = this.sorted && this.sort === c;
		if (mine) head.setAttribute("aria-sort", this.down ? "descending" : "ascending");
		head.replaceChildren(h("button", {
			onclick: () => {
				this.down = mine ? !this.down : NUMERIC.includes(kind) && kind !== "address";
				[this.sort, this.sorted] = [c, true];
				this.draw();
			},
		}, title + (mine ? (this.down ? " ▾" : " ▴") : "")));
	}

	private row(row: HTMLTableRowElement, key: string): void {
		if (!this.model.get("has_detail")) return;
		const chosen = key === this.model.get("selected");
		row.setAttribute("aria-selected", String(chosen));
		row.setAttribute("data-lm-suppress-shortcuts", "true");
		row.dataset.key = key;
		row.tabIndex = chosen ? 0 : -1;
		row.addEventListener("click", () => { if (!getSelection()?.toString()) this.select(key); });
	}

	private select(key: string): void {
		this.model.set("selected", key);
		this.model.save_changes();
		this.detail.hidden = false;
		this.detail.replaceChildren(h("p", { class: "rl-soft" }, "asking the kernel …"));
		this.model.send({ kind: "detail", key });
		this.list.querySelectorAll<HTMLElement>("tr[data-key]").forEach((row) => {
			const mine = row.dataset.key === key;
			row.setAttribute("aria-selected", String(mine));
			row.tabIndex = mine ? 0 : -1;
			if (mine) row.focus({ preventScroll: true });
			if (mine) row.scrollIntoView({ block: "nearest" });
		});
	}

	private key(event: KeyboardEvent): void {
		const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
		if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
		const rows = [...this.list.querySelectorAll<HTMLElement>("tr[data-key]")];
		if (!rows.length) return;
		event.preventDefault();
		event.stopPropagation();
		const at = rows.findIndex((row) => row.dataset.key === this.model.get("selected"));
		const to = at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + step));
		this.select(rows[to].dataset.key!);
	}

	showDetail(): void {
		const { key, blocks } = this.model.get("detail");
		if (!blocks || key !== this.model.get("selected")) return;
		this.detail.hidden = false;
		this.detail.replaceChildren(...blocks.map((block) => blockElement(block)));
	}
}

function render({ model, el, signal }: RenderProps<State>): void {
	const listing = new Listing(model);
	const badge = h("span", { class: "rl-badge", "data-role": "state" });
	const problems = h("ul", { class: "rl-listing-problems", "aria-label": "problems" });
	const again = h("button", { class: "rl-button", title: "look at the guest again", onclick: () => model.send({ kind: "look" }) }, "↻ look again");
	const frame = () => {
		badge.textContent = model.get("state");
		badge.hidden = model.get("state") === "";
		again.hidden = model.get("state") === "";
		problems.replaceChildren(...model.get("problems").map((problem) => h("li", {}, `⚠ ${problem}`)));
		problems.hidden = !model.get("problems").length;
	};
	el.append(h("section", { class: "rl rl-listing", "aria-label": model.get("title") },
		h("div", { class: "rl-head" }, h("h4", {}, model.get("title")), h("span", { class: "rl-gap" }), badge),
		h("div", { class: "rl-tools" }, listing.field, listing.told, again), problems, listing.list, listing.detail));
	const watched: [string, () => void][] = [["rows", listing.draw], ["state", frame], ["problems", frame], ["detail", () => listing.showDetail()], ["selected", listing.draw]];
	for (const [trait, does] of watched) model.on(`change:${trait}` as never, does as never);
	signal.addEventListener("abort", () => { for (const [trait, does] of watched) model.off(`change:${trait}`, does as never); });
	if (model.get("live")) keepLease(model, signal);
	frame();
	listing.draw();
	listing.showDetail();
}

export default { render };
