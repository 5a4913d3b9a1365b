/*
 * lanes.ts - events that do not overlap, in order, and exact sums over any stretch of them.
 *
 * A track's events are dealt onto lanes so that nested calls lie below each other.  In a
 * lane both starts and ends ascend, so a stretch of time is two binary searches, and the
 * time spent in it is the difference of two prefix sums: what a pixel shows is exact
 * however many events fall into it, and no level of detail has to be prepared.
 */

export interface Columns {
	start: Float64Array; end: Float64Array; row: Uint32Array;
	code: Uint16Array; flags: Uint8Array;
}

export const [CALL, OPEN, NO_ENTER, POINT, FAILED] = [0, 1, 2, 3, 8];

const MOST_LANES = 24;
const FANOUT = 16;

export class Lane implements Columns {
	start: Float64Array; end: Float64Array; row: Uint32Array;
	code: Uint16Array; flags: Uint8Array;
	readonly length: number;
	private busyBefore: Float64Array;
	private failedBefore: Uint32Array;
	private longestOf: Uint32Array[] = [];

	/** The events of `from` at the positions `picked`, which ascend in time. */
	constructor(from: Columns, picked: Uint32Array) {
		const n = this.length = picked.length;
		[this.start, this.end, this.row] = [new Float64Array(n), new Float64Array(n), new Uint32Array(n)];
		[this.code, this.flags] = [new Uint16Array(n), new Uint8Array(n)];
		[this.busyBefore, this.failedBefore] = [new Float64Array(n + 1), new Uint32Array(n + 1)];
		let until = -Infinity;
		for (let i = 0; i < n; i++) {
			const e = picked[i];
			this.start[i] = from.start[e];
			this.end[i] = Math.max(from.end[e], until);
			this.row[i] = from.row[e];
			this.code[i] = from.code[e];
			this.flags[i] = from.flags[e];
			this.busyBefore[i + 1] = this.busyBefore[i] + Math.max(0, this.end[i] - Math.max(this.start[i], until));
			this.failedBefore[i + 1] = this.failedBefore[i] + (this.flags[i] & FAILED ? 1 : 0);
			until = this.end[i];
		}
	}

	/** The first event that ends after `time`. */
	firstEnding(time: number): number { return above(this.end, time, 0); }

	/** The first event from `from` on that starts at `time` or later. */
	firstStarting(time: number, from = 0): number { return atLeast(this.start, time, from); }

	/** Nanoseconds of the events [first, last). */
	busy(first: number, last: number): number { return this.busyBefore[last] - this.busyBefore[first]; }

	failed(first: number, last: number): number { return this.failedBefore[last] - this.failedBefore[first]; }

	/** The longest event of [first, last), through blocks of which the longest is known. */
	longest(first: number, last: number, level = 0): number {
		let best = -1;
		const consider = (e: number) => {
			if (best < 0 || this.end[e] - this.start[e] > this.end[best] - this.start[best]) best = e;
		};
		const event = (at: number) => level === 0 ? at : this.block(level)[at];
		while (first < last && first % FANOUT) consider(event(first++));
		while (first < last && last % FANOUT) consider(event(--last));
		if (first < last) consider(this.longest(first / FANOUT, last / FANOUT, level + 1));
		return best;
	}

	/** The same lane with only the events that `accept` takes. */
	narrowed(accept: (event: number) => boolean): Lane {
		const picked = new Uint32Array(this.length);
		let n = 0;
		for (let i = 0; i < this.length; i++) if (accept(i)) picked[n++] = i;
		return n === this.length ? this : new Lane(this, picked.slice(0, n));
	}

	private block(level: number): Uint32Array {
		const known = this.longestOf[level];
		if (known) return known;
		const below = level === 1 ? null : this.block(level - 1);
		const n = below ? below.length : this.length;
		const made = new Uint32Array(Math.ceil(n / FANOUT));
		for (let b = 0; b < made.length; b++) {
			let best = below ? below[b * FANOUT] : b * FANOUT;
			for (let i = b * FANOUT + 1; i < Math.min(n, (b + 1) * FANOUT); i++) {
				const e = below ? below[i] : i;
				if (this.end[e] - this.start[e] > this.end[best] - this.start[best]) best = e;
			}
			made[b] = best;
		}
		return this.longestOf[level] = made;
	}
}

/** Deal the events at `picked` onto lanes: each to the highest that is free by then. */
export function dealt(from: Columns, picked: Uint32Array): Lane[] {
	const order = ascending(from.start, picked);
	const depth = new Uint8Array(order.length);
	const sizes: number[] = [];
	const until: number[] = [];
	for (let i = 0; i < order.length; i++) {
		const [start, end] = [from.start[order[i]], from.end[order[i]]];
		let lane = 0;
		while (lane < until.length && until[lane] > start && lane < MOST_LANES - 1) lane++;
		until[lane] = Math.max(end, until[lane] ?? -Infinity);
		sizes[lane] = (sizes[lane] ?? 0) + 1;
		depth[i] = lane;
	}
	const lists = sizes.map((size) => new Uint32Array(size));
	const filled = sizes.map(() => 0);
	for (let i = 0; i < order.length; i++) lists[depth[i]][filled[depth[i]]++] = order[i];
	return lists.map((list) => new Lane(from, list));
}

function ascending(start: Float64Array, picked: Uint32Array): Uint32Array {
	for (let i = 1; i < picked.length; i++)
		if (start[picked[i]] < start[picked[i - 1]])
			return picked.slice().sort((a, b) => start[a] - start[b] || a - b);
	return picked;
}

function above(sorted: Float64Array, value: number, from: number): number {
	let [low, high] = [from, sorted.length];
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (sorted[middle] > value) high = middle; else low = middle + 1;
	}
	return low;
}

/** The first position from `from` on with at least `value`; near ones are found first. */
function atLeast(sorted: Float64Array, value: number, from: number): number {
	let [low, step] = [from, 1];
	while (low + step < sorted.length && sorted[low + step] < value) { low += step; step *= 2; }
	let high = Math.min(sorted.length, low + step);
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (sorted[middle] >= value) high = middle; else low = middle + 1;
	}
	return low;
}
