/* detail.ts - what is told about the selected layer or boundary. */

import type { AnyModel } from "@anywidget/types";
import { bar, h, table } from "../foundation/dom";
import { bytes, count, rate } from "../foundation/format";
import type { Rates } from "./rates";

/** [name, size in bytes, address, kind, component] */
export type SymbolRow = [string, number, string, string, string];

export interface Layer {
	name: string; title: string; colour: string; description: string;
	bytes: number | null;
	parts: Record<string, number>;
	components: [string, number][];
	symbols: SymbolRow[];
	symbol_count: number;
}

export interface Boundary {
	key: string; title: string; description: string;
	lower: string; counted: boolean;
	names: string[]; missing: string[]; stubs: string[];
}

export interface Detail { elements: HTMLElement[]; refresh: () => void }

function symbolTable(layer: Layer, symbols: SymbolRow[]): HTMLElement {
	const several = layer.components.length > 0;
	const mono = (text: string, title = "") => h("span", { class: "rl-mono", title }, text);
	const rows = symbols.map(([name, size, address, kind, component]) => several
		? [mono(name, `${name}: ${kind} at ${address}`), mono(component), bytes(size)]
		: [mono(name, name), kind, bytes(size), mono(address)]);
	const columns = several ? ["symbol", "component", "size"] : ["symbol", "kind", "size", "address"];
	return table(`symbols of ${layer.name}`, columns, rows, several ? [2] : [2, 3]);
}

/** The libraries that a layer is made of, the largest first: each shows its symbols alone. */
function componentList(layer: Layer, choose: (name: string) => void): HTMLElement {
	const most = Math.max(1, ...layer.components.map(([, size]) => size));
	const buttons = layer.components.map(([name, size]) => h("button", {
		type: "button", class: "rl-component", "aria-pressed": "false", title: `the symbols of ${name} alone`,
		onkeydown: (event: KeyboardEvent) => { if (event.key !== "Tab") event.stopPropagation(); },
		onclick: () => {
			const pressed = buttons.find((one) => one.getAttribute("aria-pressed") === "true");
			pressed?.setAttribute("aria-pressed", "false");
			const own = buttons[layer.components.findIndex(([other]) => other === name)];
			if (pressed !== own) own.setAttribute("aria-pressed", "true");
			choose(pressed === own ? "" : name);
		},
	}, h("span", { class: "rl-mono" }, name), h("span", { class: "rl-number" }, bytes(size)),
		h("i", { "aria-hidden": "true", style: `width:${(100 * size / most).toFixed(1)}%;background:${layer.colour}` })));
	return h("div", { class: "rl-components", role: "group", "aria-label": `components of ${layer.name}` }, ...buttons);
}

/** Symbols of a layer, largest first; a search asks Python when not all are here. */
export function layerDetail(model: AnyModel<any>, layer: Layer): Detail {
	const list = h("div", { class: "rl-scroll", tabindex: 0, role: "region", "aria-label": `symbols of ${layer.name}` });
	const told = h("span", { class: "rl-soft", role: "status" });
	let component = "";
	const show = (symbols: SymbolRow[], found: number) => {
		told.textContent = symbols.length < found ? `${symbols.length} of ${count(found)}` : count(found);
		list.replaceChildren(symbolTable(layer, symbols));
	};
	const search = h("input", {
		class: "rl-field", type: "search", placeholder: "search symbols", "aria-label": `search the symbols of ${layer.name}`,
		onkeydown: (event: KeyboardEvent) => event.stopPropagation(),
		oninput: () => refine(),
	});
	const refine = () => {
		const text = search.value.trim().toLowerCase();
		const here = layer.symbols.filter(([name, , , , own]) => name.toLowerCase().includes(text) && (!component || own === component));
		show(here, text || component ? here.length : layer.symbol_count);
		if ((text || component) && layer.symbols.length < layer.symbol_count) model.send({ kind: "search", layer: layer.name, text, component });
	};
	const answer = (message: any) => {
		if (!list.isConnected) { model.off("msg:custom", answer); return; }
		if (message.kind === "found" && message.layer === layer.name && message.component === component
			&& message.text === search.value.trim().toLowerCase())
			show(message.symbols, message.count);
	};
	model.on("msg:custom", answer);
	const parts = Object.entries(layer.parts).filter(([, size]) => size > 0);
	const sizes = parts.map(([name, size]) => `${name} ${bytes(size)}`).join(" · ");
	show(layer.symbols, layer.symbol_count);
	const inImage = layer.bytes !== null;
	const components = layer.components.length ? [componentList(layer, (name) => { component = name; refine(); })] : [];
	return {
		elements: [
			h("h5", {}, h("span", { class: "rl-mono" }, layer.name), ` · ${layer.title}`),
			h("p", {}, layer.description),
			...(inImage ? [h("p", { class: "rl-soft" }, sizes), ...components, h("div", { class: "rl-tools" }, search, told), list] : []),
		],
		refresh: () => {},
	};
}

type CallState = "used" | "unused" | "stubbed" | "absent";
const STATES: Record<CallState, [string, string]> = {
	used: ["●", "used"], unused: ["○", "unused"],
	stubbed: ["◇", "stubbed: answers, and does nothing"], absent: ["–", "not in the image"],
};

/** What a call of the interface is to this guest, in the order they are listed in. */
function stateOf(boundary: Boundary, name: string, count: number): CallState {
	if (boundary.missing.includes(name)) return "absent";
	if (boundary.stubs.includes(name)) return "stubbed";
	return count ? "used" : "unused";
}

function stateLabel(state: CallState, words = STATES[state][1].split(":")[0]): HTMLElement {
	return h("span", { class: `rl-call-${state}`, title: STATES[state][1] }, h("span", { "aria-hidden": "true" }, STATES[state][0]), ` ${words}`);
}

/** Calls across a boundary, most frequent first, then those never made. */
export function boundaryDetail(boundary: Boundary, rates: Rates, note: string): Detail {
	const heading = [h("h5", {}, boundary.title), h("p", {}, boundary.description)];
	if (!boundary.counted) return { elements: heading, refresh: () => {} };
	const list = h("div", { class: "rl-scroll", tabindex: 0, role: "region", "aria-label": boundary.title });
	const missing = folded("Not in the image");
	const all = [...boundary.names, ...boundary.missing];
	const states = h("ul", { class: "rl-call-states", "aria-label": "states of the calls", hidden: true });
	const tally = (made: Record<string, number>) => {
		const found = all.map((name) => stateOf(boundary, name, made[name] ?? 0));
		states.replaceChildren(...(Object.keys(STATES) as CallState[]).map((state) =>
			h("li", {}, stateLabel(state, `${found.filter((one) => one === state).length} ${STATES[state][1]}`))));
		states.hidden = !all.length;
	};
	const refresh = () => {
		missing.show(rates.known ? [] : boundary.missing);
		if (!rates.known) {
			list.replaceChildren(h("p", { class: "rl-unused" }, note ? `${note[0].toUpperCase()}${note.slice(1)}.` : "No guest: boot the image to see its calls."));
			return;
		}
		const made = rates.calls(boundary.key);
		const rest: [string, number][] = all.filter((name) => !made[name]).map((name) => [name, 0]);
		const order = Object.keys(STATES);
		const rank = (name: string, n: number) => order.indexOf(stateOf(boundary, name, n));
		const calls = [...Object.entries(made), ...rest].sort((a, b) => b[1] - a[1] || rank(...a) - rank(...b));
		const most = Math.max(1, ...calls.map(([, n]) => n));
		const rows = calls.map(([name, n]) => [
			h("span", { class: "rl-mono" }, name), ...(all.length ? [stateLabel(stateOf(boundary, name, n))] : []),
			n ? bar(n / most) : "", count(n),
			...(rates.live ? [rate(rates.perSecond(boundary.key, name))] : [])]);
		const columns = ["call", ...(all.length ? ["state"] : []), "", "calls", ...(rates.live ? ["now"] : [])];
		const top = list.scrollTop;
		list.replaceChildren(table(boundary.title, columns, rows, all.length ? [3, 4] : [2, 3]));
		list.scrollTop = top;
		tally(made);
	};
	refresh();
	return { elements: [...heading, states, list, missing.element], refresh };
}

/** Names behind a line that counts them; nothing where there are none. */
function folded(title: string): { element: HTMLElement; show: (names: string[]) => void } {
	const summary = h("summary", {});
	const body = h("div", { class: "rl-mono" });
	const element = h("details", { class: "rl-unused" }, summary, body);
	return {
		element,
		show: (names) => {
			element.hidden = names.length === 0;
			summary.textContent = `${title}: ${names.length}`;
			body.textContent = names.join(", ");
		},
	};
}
