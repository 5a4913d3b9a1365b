/*
 * tree.ts - amounts within amounts: bytes by layer, object and symbol; time by call stack.
 *
 * A click or Enter zooms in; the table below has what the zoomed node is made of, and is
 * the way to all of this without seeing the picture.
 */

import type { RenderProps } from "@anywidget/types";
import { bar, h, oncePerFrame, table, whenSeen } from "../foundation/dom";
import { bytes, count, duration } from "../foundation/format";
import { onThemeChange, readTheme, type Theme } from "../foundation/theme";
import { Nodes, type Columns } from "./nodes";
import { drawTree, LINE, nodeAt, type Shown } from "./picture";

interface State { title: string; unit: string; columns: Columns; data: DataView; focus: number }

const LISTED = 100;
const FORMATS: Record<string, (value: number) => string> = { bytes, ns: duration };

function render({ model, el, signal }: RenderProps<State>): void {
	const nodes = new Nodes(model.get("columns"), model.get("data"));
	const unit = model.get("unit");
	const amount = FORMATS[unit] ?? ((value: number) => `${count(value)} ${unit}`);
	const share = (node: number, of = 0) => `${((100 * nodes.value[node]) / (nodes.value[of] || 1)).toFixed(1)} %`;
	let root = Math.max(0, Math.min(nodes.value.length - 1, model.get("focus")));
	let selected = root;
	let hits: Set<number> | null = null;
	let theme: Theme | null = null;

	const canvas = h("canvas", { class: "rl-tree-picture", tabindex: 0, role: "application", "aria-label": `${model.get("title")}: arrows move, Enter zooms in, Escape out` });
	const trail = h("nav", { class: "rl-tree-trail", "aria-label": "zoomed to" });
	const told = h("p", { class: "rl-tree-told", role: "status" });
	const found = h("span", { class: "rl-soft", role: "status" });
	const parts = h("div", { class: "rl-scroll", tabindex: 0, role: "region", "aria-label": "parts" });
	const shown = (): Shown => ({ nodes, root, selected, hits, width: canvas.clientWidth, theme: theme! });

	const tell = (node: number) => {
		const own = nodes.own(node);
		told.textContent = [nodes.label(node), nodes.told(node), amount(nodes.value[node]), `${share(node)} of all`,
			own > 0 && nodes.children[node].length ? `${amount(own)} of its own` : ""].filter(Boolean).join(" · ");
	};
	const draw = oncePerFrame(() => {
		theme ??= readTheme(section);
		drawTree(canvas.getContext("2d")!, shown(), canvas.clientHeight);
	}, () => canvas.clientWidth > 0);
	const list = () => {
		const inside = [...nodes.children[root]].sort((a, b) => nodes.value[b] - nodes.value[a]);
		const most = nodes.value[inside[0]] || 1;
		const rows = inside.slice(0, LISTED).map((node) => [
			nodes.children[node].length ? h("button", { class: "rl-button rl-quiet rl-mono", title: "zoom in", onclick: () => zoom(node) }, nodes.label(node)) : h("span", { class: "rl-mono" }, nodes.label(node)),
			nodes.told(node), amount(nodes.value[node]), share(node, root), bar(nodes.value[node] / most, nodes.tint(node))]);
		if (inside.length > LISTED) rows.push([h("span", {}, `… and ${count(inside.length - LISTED)} more: .df has them`), "", "", "", h("span")]);
		parts.replaceChildren(table(`parts of ${nodes.label(root)}`, ["part", "", "amount", "share", ""], rows, [2, 3]));
		trail.replaceChildren(...nodes.path(root).map((node) => h("button", { class: "rl-button rl-quiet", "aria-current": node === root ? "true" : false, onclick: () => zoom(node) }, nodes.label(node))));
	};
	const choose = (node: number) => { if (node >= 0) { selected = node; tell(node); draw(); } };
	const zoom = (node: number) => {
		root = node;
		choose(node);
		list();
		model.set("focus", node);
		model.save_changes();
	};
	const size = () => {
		const width = section.clientWidth;
		if (!width) return;
		const scale = window.devicePixelRatio || 1;
		const height = nodes.levels.length * LINE + 2;
		[canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
		[canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
		canvas.getContext("2d")!.setTransform(scale, 0, 0, scale, 0, 0);
		draw();
	};
	const search = h("input", {
		class: "rl-field", type: "search", placeholder: "search", "aria-label": "search the names",
		onkeydown: (event: KeyboardEvent) => event.stopPropagation(),
		oninput: () => {
			const result = search.value.trim() ? nodes.search(search.value.trim()) : null;
			hits = result?.hits ?? null;
			found.textContent = result ? `${count(result.hits.size)} with ${amount(result.amount)}, ${((100 * result.amount) / (nodes.value[0] || 1)).toFixed(1)} %` : "";
			draw();
		},
	});

	const sibling = (step: number) => {
		const line = nodes.levels[nodes.depth[selected]].filter((node) => nodes.depth[node] <= nodes.depth[root] || nodes.path(node).includes(root));
		choose(line[line.indexOf(selected) + step] ?? selected);
	};
	const keys: Record<string, () => void> = {
		ArrowLeft: () => sibling(-1), ArrowRight: () => sibling(1),
		ArrowDown: () => choose([...nodes.children[selected]].sort((a, b) => nodes.value[b] - nodes.value[a])[0] ?? -1),
		ArrowUp: () => choose(nodes.parent[selected]),
		Enter: () => zoom(selected), Escape: () => zoom(Math.max(0, nodes.parent[root])), Home: () => zoom(0), "/": () => search.focus(),
	};
	canvas.addEventListener("keydown", (event) => {
		if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
		if (event.key === "Escape" && root === 0) return;
		event.preventDefault();
		event.stopPropagation();
		keys[event.key]();
	});
	canvas.addEventListener("click", (event) => {
		const node = nodeAt(shown(), event.offsetX, event.offsetY);
		if (node >= 0) zoom(node);
	});
	canvas.addEventListener("pointermove", (event) => {
		const node = nodeAt(shown(), event.offsetX, event.offsetY);
		if (node >= 0) { tell(node); canvas.title = told.textContent ?? ""; }
	});
	canvas.addEventListener("pointerleave", () => tell(selected));

	const section = h("section", { class: "rl rl-tree", "aria-label": model.get("title") },
		h("div", { class: "rl-head" }, h("h4", {}, model.get("title")), h("span", { class: "rl-soft" }, amount(nodes.value[0] ?? 0)), h("span", { class: "rl-gap" })),
		h("div", { class: "rl-tools" }, search, found), h("div", { class: "rl-tree-scroll" }, canvas), told, trail, parts);
	el.append(section);
	const resized = new ResizeObserver(size);
	resized.observe(section);
	whenSeen(section, size, signal);
	const follow = () => { const node = model.get("focus"); if (node !== root && nodes.children[node]) zoom(node); };
	model.on("change:focus", follow);
	signal.addEventListener("abort", () => { resized.disconnect(); model.off("change:focus", follow); });
	onThemeChange(() => { theme = readTheme(section); draw(); }, signal);
	tell(root);
	list();
}

export default { render };
