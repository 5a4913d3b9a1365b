/* rates.ts - from counts since boot to calls per second. */

import { sparkline } from "../foundation/dom";

/** What Python reads from the guest: calls since boot by boundary and call name. */
export interface Sample {
	state: string;
	time_ms: number;
	live: boolean;
	calls: Record<string, Record<string, number>> | null;
}

const HISTORY = 48;
const sum = (calls: Record<string, number>) => Object.values(calls).reduce((a, b) => a + b, 0);

export class Rates {
	private last: Sample | null = null;
	private before: Sample | null = null;
	private history = new Map<string, number[]>();

	constructor(private keys: string[]) {
		for (const key of keys) this.history.set(key, []);
	}

	get known(): boolean { return this.last?.calls != null; }
	get live(): boolean { return this.known && this.last!.live; }

	add(sample: Sample): void {
		if (!sample.calls || sample.time_ms === this.last?.time_ms) {
			if (this.last) this.last.live = sample.live;
			return;
		}
		this.before = this.last;
		this.last = { ...sample };
		for (const key of this.keys) {
			const line = this.history.get(key)!;
			line.push(this.perSecond(key));
			if (line.length > HISTORY) line.shift();
		}
	}

	calls(key: string): Record<string, number> { return this.last?.calls?.[key] ?? {}; }
	total(key: string): number { return sum(this.calls(key)); }
	line(key: string): SVGElement { return sparkline(this.history.get(key)!); }

	/** Calls per second between the last two samples, of a boundary or of one call of it. */
	perSecond(key: string, call?: string): number {
		if (!this.last || !this.before) return 0;
		const seconds = (this.last.time_ms - this.before.time_ms) / 1000;
		const of = (sample: Sample) => {
			const calls = sample.calls?.[key] ?? {};
			return call === undefined ? sum(calls) : calls[call] ?? 0;
		};
		return seconds > 0 ? Math.max(0, of(this.last) - of(this.before)) / seconds : 0;
	}
}
