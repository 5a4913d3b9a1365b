/* picture.ts - a tree on a canvas: each level a line, widths are amounts, the root at the top. */

import type { Theme } from "../foundation/theme";
import type { Nodes } from "./nodes";

export const LINE = 20;
const CHAR_PIXELS = 6.65;
const LEAST_PIXELS = 0.6;

export interface Shown { nodes: Nodes; root: number; selected: number; hits: Set<number> | null; width: number; theme: Theme }

/** Left edge and width of a node in pixels, where the root in view is as wide as the picture. */
export function extent({ nodes, root, width }: Pick<Shown, "nodes" | "root" | "width">, node: number): [x: number, width: number] {
	const scale = width / (nodes.value[root] || 1);
	// What encloses the root in view is as wide as the picture too.
	if (nodes.depth[node] < nodes.depth[root]) return [0, width];
	return [(nodes.offset[node] - nodes.offset[root]) * scale, nodes.value[node] * scale];
}

export function drawTree(context: CanvasRenderingContext2D, shown: Shown, height: number): void {
	const { nodes, root, selected, hits, width, theme } = shown;
	context.clearRect(0, 0, width, height);
	context.font = theme.font;
	context.textBaseline = "middle";
	const above = nodes.path(root);
	for (const node of above) drawNode(context, shown, node);
	for (let depth = nodes.depth[root] + 1; depth < nodes.levels.length; depth++) {
		let rest: [number, number] | null = null; // too narrow to be told apart: one grey stretch
		for (const node of nodes.levels[depth]) {
			const [x, wide] = extent(shown, node);
			if (x + wide < 0 || x > width) continue;
			if (wide >= LEAST_PIXELS) { drawNode(context, shown, node); continue; }
			if (rest && x - rest[1] < 1) rest[1] = x + wide;
			else { drawRest(context, rest, depth, theme); rest = [x, x + wide]; }
		}
		drawRest(context, rest, depth, theme);
	}
	if (hits && selected < 0) return;
	const [x, wide] = extent(shown, selected);
	context.strokeStyle = theme.ink;
	context.lineWidth = 2;
	context.strokeRect(Math.max(1, x), nodes.depth[selected] * LINE + 1, Math.max(2, Math.min(width - 1, x + wide) - Math.max(1, x) - 1), LINE - 2);
}

function drawRest(context: CanvasRenderingContext2D, rest: [number, number] | null, depth: number, theme: Theme): void {
	if (!rest || rest[1] - rest[0] < 0.3) return;
	context.fillStyle = theme.grid;
	context.fillRect(rest[0], depth * LINE + 1, Math.max(1, rest[1] - rest[0]), LINE - 2);
}

function drawNode(context: CanvasRenderingContext2D, shown: Shown, node: number): void {
	const { nodes, hits, width, theme } = shown;
	const [x, wide] = extent(shown, node);
	const left = Math.max(0, x);
	const right = Math.min(width, x + wide);
	const y = nodes.depth[node] * LINE;
	const colours = theme.of(nodes.tint(node));
	const faded = hits !== null && !hits.has(node);
	context.fillStyle = faded ? theme.grid : colours.shades[nodes.name[node] % colours.shades.length];
	context.fillRect(left, y + 1, Math.max(0.5, right - left - 0.6), LINE - 2);
	context.fillStyle = hits?.has(node) ? theme.brand : colours.solid;
	context.fillRect(left, y + 1, Math.min(2, right - left), LINE - 2);
	if (hits?.has(node)) context.fillRect(left, y + LINE - 3, right - left - 0.6, 2);
	const room = Math.floor((right - left - 8) / CHAR_PIXELS);
	if (room < 2) return;
	const name = nodes.label(node);
	context.fillStyle = faded ? theme.soft : theme.ink;
	context.fillText(name.length <= room ? name : `${name.slice(0, room - 1)}…`, left + 5, y + LINE / 2 + 0.5);
}

/** The node at a point, -1 where none is. */
export function nodeAt(shown: Shown, x: number, y: number): number {
	const { nodes, root } = shown;
	const depth = Math.floor(y / LINE);
	if (depth <= nodes.depth[root]) return nodes.path(root)[depth] ?? -1;
	return nodes.levels[depth]?.find((node) => {
		const [left, wide] = extent(shown, node);
		return x >= left && x < left + wide;
	}) ?? -1;
}
