/* viewport.ts - which stretch of time is shown: zooming, panning, and the marks of its axis. */

export interface Mark { time: number; label: string }

const LEAST_NS = 20; // wide enough for the shortest event at every width

/** 1, 2 or 5 times a power of ten, the first that is at least `value`. */
export function roundStep(value: number): number {
	const power = 10 ** Math.floor(Math.log10(value));
	return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= value * 0.999)!;
}

export class Viewport {
	begin = 0;
	end = 1;
	width = 1; // in CSS pixels

	constructor(private first: number, private last: number) { this.fit(); }

	get nsPerPixel(): number { return (this.end - this.begin) / this.width; }
	get span(): number { return this.end - this.begin; }
	get all(): boolean { return this.begin <= this.first && this.end >= this.last; }
	x(time: number): number { return (time - this.begin) / this.nsPerPixel; }
	time(x: number): number { return this.begin + x * this.nsPerPixel; }

	/** Show [begin, end), kept within what there is. */
	show(begin: number, end: number): void {
		const margin = (this.last - this.first) * 0.01;
		const [low, high] = [this.first - margin, this.last + margin];
		const span = Math.min(high - low, Math.max(LEAST_NS, end - begin));
		const middle = (begin + end) / 2;
		this.begin = Math.max(low, Math.min(high - span, middle - span / 2));
		this.end = this.begin + span;
	}

	fit(): void { this.show(this.first, this.last); }

	/** Factor below 1 zooms in; the time at `x` stays where it is. */
	zoom(factor: number, x = this.width / 2): void {
		const at = this.time(x);
		const span = Math.max(LEAST_NS, this.span * factor);
		const begin = at - (x / this.width) * span;
		this.show(begin, begin + span);
	}

	pan(pixels: number): void {
		const by = pixels * this.nsPerPixel;
		this.show(this.begin + by, this.end + by);
	}

	/** Bring a stretch into view without changing the scale where it fits. */
	reveal(begin: number, end: number): void {
		if (begin >= this.begin && end <= this.end) return;
		if (end - begin > this.span) { this.show(begin - (end - begin) * 0.1, end + (end - begin) * 0.1); return; }
		const middle = (begin + end) / 2;
		this.show(middle - this.span / 2, middle + this.span / 2);
	}

	/** Round times about `apart` pixels from each other, with labels that tell them apart. */
	marks(apart = 110): Mark[] {
		const step = roundStep(this.nsPerPixel * apart);
		const made: Mark[] = [];
		for (let n = Math.ceil(this.begin / step); n * step < this.end; n++)
			made.push({ time: n * step, label: timeLabel(n * step, step) });
		return made;
	}
}

const UNITS: [limit: number, divisor: number, name: string][] =
	[[1e3, 1, "ns"], [1e6, 1e3, "µs"], [1e9, 1e6, "ms"], [Infinity, 1e9, "s"]];

/** A time with as many digits as a step of `step` needs; digits in groups of three. */
export function timeLabel(ns: number, step: number): string {
	const [, divisor, unit] = UNITS.find(([limit]) => Math.abs(ns) < limit)!;
	const digits = Math.max(0, Math.ceil(Math.log10(divisor / step) - 1e-9));
	const [whole, fraction] = (ns / divisor).toFixed(digits).split(".");
	return `${whole}${fraction ? "." + fraction.replace(/(\d{3})(?=\d)/g, "$1\u202f") : ""} ${unit}`;
}
