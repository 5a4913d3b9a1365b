/* tabs.ts - panes of which one is shown, as the ARIA pattern has them. */

import { h } from "./dom";

export interface Pane { name: string; element: HTMLElement; shown?: () => void }
export interface Tabs { bar: HTMLElement; show: (name: string) => void }

/** A row of tabs: arrows change, the pane follows; `shown` is told each time. */
export function tabs(panes: Pane[], first: string): Tabs {
	const show = (index: number, focus = false) => {
		buttons.forEach((button, i) => {
			button.setAttribute("aria-selected", String(i === index));
			button.tabIndex = i === index ? 0 : -1;
			panes[i].element.hidden = i !== index;
		});
		if (focus) buttons[index].focus();
		panes[index].shown?.();
	};
	const step: Record<string, number> = { ArrowLeft: panes.length - 1, ArrowRight: 1 };
	const buttons = panes.map(({ name }, i) => h("button", {
		class: "rl-button", role: "tab", onclick: () => show(i),
		onkeydown: (event: KeyboardEvent) => {
			if (!step[event.key]) return;
			event.preventDefault();
			event.stopPropagation();
			show((i + step[event.key]) % panes.length, true);
		},
	}, name));
	const named = (name: string) => Math.max(0, panes.findIndex((pane) => pane.name === name));
	show(named(first));
	return { bar: h("span", { role: "tablist", class: "rl-tabs" }, ...buttons), show: (name) => show(named(name)) };
}
