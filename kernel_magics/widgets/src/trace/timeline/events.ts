/* events.ts - the events of a trace as they come from Python, and the tracks made of them. */

import { dealt, type Columns, type Lane } from "./lanes";

/** What Python tells of a track: a layer of a thread; thread -1 is the whole guest. */
export interface TrackHead {
	thread: number; thread_name: string; layer: string; title: string; colour: string; count: number; process: string;
}

/** Sent before the columns: how many events there are and what their numbers mean. */
export interface Head { tracks: TrackHead[]; names: string[]; count: number; left_out: number; lost: number; gaps: number[] }

export interface Track extends TrackHead { index: number; all: Lane[]; lanes: Lane[] }

/** One event: where it is. */
export interface Place { track: Track; lane: number; event: number }

/** What is shown: by words that are understood here, or by the rows that Python chose. */
export interface Query { text: string; least_ns: number; rows: Uint8Array | null }

/** Whether the names and tracks tell which events are meant; durations, errors and callers are Python's. */
export function isUnderstood(text: string): boolean {
	return !/(^|\s)(-|<|>|failed(\s|$)|(error|caller|after|before|group|kind):)|"|(^|\s)(thread|process|event|layer):\S*[*?[]/i.test(text);
}

/** The columns while they are coming, a piece after the other. */
export class Arriving {
	private columns: Columns & { track: Uint16Array };
	private filled = 0;

	constructor(readonly head: Head) {
		const n = head.count;
		this.columns = {
			start: new Float64Array(n), end: new Float64Array(n), row: new Uint32Array(n),
			code: new Uint16Array(n), track: new Uint16Array(n), flags: new Uint8Array(n),
		};
	}

	get share(): number { return this.head.count ? this.filled / this.head.count : 1; }
	get complete(): boolean { return this.filled >= this.head.count; }

	/** Take the next piece; false when it is not the next one. */
	take(first: number, buffers: DataView[]): boolean {
		if (first !== this.filled || buffers.length !== 6) return false;
		const bytes = buffers.map((b) => b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength) as ArrayBuffer);
		const c = this.columns;
		const start = new Float64Array(bytes[0]);
		if (first + start.length > this.head.count) return false;
		c.start.set(start, first);
		c.end.set(new Float64Array(bytes[1]), first);
		c.row.set(new Uint32Array(bytes[2]), first);
		c.code.set(new Uint16Array(bytes[3]), first);
		c.track.set(new Uint16Array(bytes[4]), first);
		c.flags.set(new Uint8Array(bytes[5]), first);
		this.filled += start.length;
		return true;
	}

	events(): Events {
		const sizes = new Uint32Array(this.head.tracks.length);
		for (const t of this.columns.track) sizes[t]++;
		const picked = [...sizes].map((size) => new Uint32Array(size));
		sizes.fill(0);
		this.columns.track.forEach((t, e) => { picked[t][sizes[t]++] = e; });
		const tracks = this.head.tracks.map((head, index) => {
			const all = dealt(this.columns, picked[index]);
			return { ...head, index, all, lanes: all };
		});
		return new Events(this.head, tracks);
	}
}

export class Events {
	readonly begin: number;
	readonly end: number;
	matching: number;
	readonly total: number;

	constructor(readonly head: Head, readonly tracks: Track[]) {
		const lanes = tracks.flatMap((t) => t.all).filter((lane) => lane.length);
		this.begin = Math.min(...lanes.map((lane) => lane.start[0]));
		this.end = Math.max(...lanes.map((lane) => lane.end[lane.length - 1]), this.begin + 1);
		if (!lanes.length) [this.begin, this.end] = [0, 1];
		this.matching = this.total = this.counted();
	}

	name(place: Place): string { return this.head.names[this.lane(place).code[place.event]]; }
	lane(place: Place): Lane { return place.track.lanes[place.lane]; }
	row(place: Place): number { return this.lane(place).row[place.event]; }
	start(place: Place): number { return this.lane(place).start[place.event]; }
	stop(place: Place): number { return this.lane(place).end[place.event]; }

	/** Show only the events that match; everything again where the query is empty. */
	narrow(query: Query): void {
		const words = query.text.toLowerCase().split(/\s+/).filter(Boolean);
		const { rows, least_ns } = query;
		if (rows)
			for (const track of this.tracks)
				track.lanes = track.all.map((lane) => lane.narrowed((e) =>
					(rows[lane.row[e] >> 3] >> (lane.row[e] & 7) & 1) === 1 && lane.end[e] - lane.start[e] >= least_ns));
		else for (const track of this.tracks) {
			const taken = this.head.names.map((name) => words.every((word) => matches(word, name, track)));
			track.lanes = words.length === 0 && least_ns <= 0 ? track.all
				: track.all.map((lane) => lane.narrowed((e) => taken[lane.code[e]] && lane.end[e] - lane.start[e] >= least_ns));
		}
		this.matching = this.counted();
	}

	/** Events shown; the guest's own tracks are made of events, which are counted already. */
	private counted(): number {
		return this.tracks.filter((t) => t.thread >= 0 || this.head.tracks.every((one) => one.thread < 0)).flatMap((t) => t.lanes).reduce((n, lane) => n + lane.length, 0);
	}

	/** The event that came from a row of the table, if it is shown; a layer's, not the processor's. */
	ofRow(row: number): Place | null {
		let found: Place | null = null;
		for (const track of this.tracks)
			for (const [lane, { row: rows }] of track.lanes.entries()) {
				const event = rows.indexOf(row);
				if (event >= 0 && (found === null || track.thread >= 0)) found = { track, lane, event };
			}
		return found;
	}

	/** The next event in time that is shown, in any track, after (or before) a time and row. */
	neighbour(from: number, row: number, step: 1 | -1): Place | null {
		let best: Place | null = null;
		const later = (a: number, ar: number, b: number, br: number) => (a - b || ar - br) * step > 0;
		for (const track of this.tracks)
			for (const [lane, columns] of track.lanes.entries()) {
				let event = columns.firstStarting(from);
				if (step > 0) while (event < columns.length && !later(columns.start[event], columns.row[event], from, row)) event++;
				else { while (event < columns.length && columns.start[event] === from) event++; event--; while (event >= 0 && !later(columns.start[event], columns.row[event], from, row)) event--; }
				if (event < 0 || event >= columns.length) continue;
				const place = { track, lane, event };
				if (!best || later(this.start(best), this.row(best), columns.start[event], columns.row[event])) best = place;
			}
		return best;
	}
}

/** "write", "rumpuser_*", "thread:3", "layer:sys": a part of a name, or a field exactly. */
function matches(word: string, name: string, track: TrackHead): boolean {
	const [field, value] = word.includes(":") ? word.split(":", 2) : ["", word];
	if (field === "thread") return String(track.thread) === value || track.thread_name.toLowerCase() === value;
	if (field === "process") return track.process.toLowerCase() === value || track.process.match(/\d+/g)?.at(-1) === value || track.process.toLowerCase().startsWith(`${value} (`);
	if (field === "layer") return track.layer.toLowerCase() === value;
	if (field === "event") return name.toLowerCase() === value;
	if (!/[*?]/.test(word)) return name.toLowerCase().includes(word) || track.layer === word || track.title.includes(word);
	const glob = word.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
	return new RegExp(`^${glob}$`).test(name.toLowerCase());
}
