/* nodes.ts - a tree of amounts as columns, parents before children. */

export interface Columns { names: string[]; colours: string[]; notes: string[]; count: number }

export class Nodes {
	readonly parent: Int32Array;
	readonly name: Uint32Array;
	readonly colour: Uint8Array;
	readonly note: Uint8Array;
	readonly value: Float64Array;
	/** Where in its parent a node begins, in the unit of the values. */
	readonly offset: Float64Array;
	readonly depth: Uint16Array;
	readonly children: number[][] = [];
	readonly levels: number[][] = [];

	constructor(readonly columns: Columns, data: DataView) {
		const n = columns.count;
		const bytes = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer;
		this.value = new Float64Array(bytes, 0, n);
		this.parent = new Int32Array(bytes, 8 * n, n);
		this.name = new Uint32Array(bytes, 12 * n, n);
		this.colour = new Uint8Array(bytes, 16 * n, n);
		this.note = new Uint8Array(bytes, 17 * n, n);
		this.offset = new Float64Array(n);
		this.depth = new Uint16Array(n);
		const used = new Float64Array(n);
		for (let i = 0; i < n; i++) {
			this.children.push([]);
			const p = this.parent[i];
			if (p >= 0) {
				this.children[p].push(i);
				this.depth[i] = this.depth[p] + 1;
				this.offset[i] = this.offset[p] + used[p];
				used[p] += this.value[i];
			}
			(this.levels[this.depth[i]] ??= []).push(i);
		}
	}

	label(node: number): string { return this.columns.names[this.name[node]]; }
	told(node: number): string { return this.columns.notes[this.note[node]]; }
	tint(node: number): string { return this.columns.colours[this.colour[node]]; }

	path(node: number): number[] {
		const found = [];
		for (let at = node; at >= 0; at = this.parent[at]) found.unshift(at);
		return found;
	}

	/** What is not in any child: a function's own time, an object's unnamed bytes. */
	own(node: number): number {
		return this.value[node] - this.children[node].reduce((sum, child) => sum + this.value[child], 0);
	}

	/** Which nodes a text is found in, and the amount they hold without counting any twice. */
	search(text: string): { hits: Set<number>; amount: number } {
		const hits = new Set<number>();
		const wanted = text.toLowerCase();
		const matching = this.columns.names.map((name) => wanted !== "" && name.toLowerCase().includes(wanted));
		let amount = 0;
		const inside = new Uint8Array(this.value.length);
		for (let i = 0; i < this.value.length; i++) {
			const p = this.parent[i];
			const above = p >= 0 && inside[p] === 1;
			if (matching[this.name[i]]) { hits.add(i); if (!above) amount += this.value[i]; }
			inside[i] = above || hits.has(i) ? 1 : 0;
		}
		return { hits, amount };
	}
}
