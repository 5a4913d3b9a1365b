/* format.ts - figures as text, the same in every view. */

const GROUPED = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** 1234567 -> "1 234 567", with thin spaces. */
export function count(value: number): string {
	return GROUPED.format(value).replaceAll(",", "\u202f");
}

export function calls(value: number): string {
	return value === 1 ? "1 call" : `${count(value)} calls`;
}

export function bytes(value: number): string {
	if (value < 1024) return `${value} B`;
	const kib = value / 1024;
	return kib < 1024 ? `${kib.toFixed(kib < 10 ? 1 : 0)} KiB` : `${(kib / 1024).toFixed(1)} MiB`;
}

/** Integer nanoseconds as the largest unit that keeps a digit before the point. */
export function duration(ns: number | null): string {
	if (ns === null) return "";
	if (ns < 1e3) return `${Math.round(ns)} ns`;
	if (ns < 1e6) return `${(ns / 1e3).toFixed(ns < 1e4 ? 1 : 0)} µs`;
	if (ns < 1e9) return `${(ns / 1e6).toFixed(ns < 1e7 ? 2 : 1)} ms`;
	return `${(ns / 1e9).toFixed(2)} s`;
}

/** A time since boot, fine enough to tell neighbouring events apart. */
export function moment(ns: number): string {
	return `${(ns / 1e6).toFixed(4)} ms`;
}

export function rate(perSecond: number): string {
	if (perSecond === 0) return "0/s";
	return perSecond < 10 ? `${perSecond.toFixed(1)}/s` : `${count(perSecond)}/s`;
}
