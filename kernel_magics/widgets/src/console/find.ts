/* find.ts - a field to find text in a terminal's scrollback. */

import type { SearchAddon } from "@xterm/addon-search";
import { h } from "../foundation/dom";

const SHOWN = {
	matchBackground: "#c9a227", matchOverviewRuler: "#c9a227",
	activeMatchBackground: "#e65100", activeMatchColorOverviewRuler: "#e65100",
};

export interface Find { element: HTMLElement; open(): void }

/** Enter finds the next match upwards in time, Shift+Enter the one before; Esc closes. */
export function findField(search: SearchAddon, closed: () => void): Find {
	const found = h("span", { class: "rl-soft", role: "status" });
	const field = h("input", {
		class: "rl-field", type: "search", "aria-label": "find in the console", placeholder: "find in the console",
		oninput: () => look(true, true),
		onkeydown: (event: KeyboardEvent) => {
			event.stopPropagation();
			if (event.key === "Enter") look(!event.shiftKey, false);
			else if (event.key === "Escape") close();
			else return;
			event.preventDefault();
		},
	});
	const element = h("div", { class: "rl-tools rl-console-find", hidden: true }, field,
		h("button", { class: "rl-button", "aria-label": "previous match", onclick: () => look(false, false) }, "↑"),
		h("button", { class: "rl-button", "aria-label": "next match", onclick: () => look(true, false) }, "↓"), found,
		h("button", { class: "rl-button rl-quiet", onclick: () => close() }, "close"));

	const look = (forward: boolean, incremental: boolean) => {
		if (!field.value) { search.clearDecorations(); found.textContent = ""; return; }
		const options = { decorations: SHOWN, incremental };
		const any = forward ? search.findNext(field.value, options) : search.findPrevious(field.value, options);
		if (!any) found.textContent = "not found";
	};
	const close = () => {
		search.clearDecorations();
		element.hidden = true;
		closed();
	};
	search.onDidChangeResults(({ resultIndex, resultCount }) => {
		if (!field.value) return;
		found.textContent = resultCount === 0 ? "not found" : resultIndex < 0 ? `${resultCount} found` : `${resultIndex + 1} of ${resultCount}`;
	});
	return { element, open: () => { element.hidden = false; field.focus(); field.select(); } };
}
