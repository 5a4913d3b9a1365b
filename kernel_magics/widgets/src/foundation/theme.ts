/* theme.ts - the notebook's colours for a canvas, light or dark, and mixtures of them. */

type Rgb = [number, number, number];
export interface TrackColours { solid: string; pale: string; shades: string[] }

export interface Theme {
	ink: string; soft: string; grid: string; band: string; paper: string; failed: string; brand: string;
	veil: string; font: string;
	of: (colour: string) => TrackColours;
}

/** Read the theme from a styled element; again when the notebook's theme has changed. */
export function readTheme(inside: HTMLElement): Theme {
	const element = inside.closest<HTMLElement>(".rl") ?? inside; // which has a background
	const style = getComputedStyle(element);
	const ink = rgb(style.color);
	const paper = rgb(style.backgroundColor);
	const brand = rgb(resolved(element, "var(--rl-brand)"));
	const dark = luminance(paper) < luminance(ink);
	const known = new Map<string, TrackColours>();
	const of = (colour: string): TrackColours => {
		let made = known.get(colour);
		if (!made) {
			const own = rgb(resolved(element, colour));
			const solid = dark ? mix(own, [255, 255, 255], 0.18) : own;
			made = { solid: css(solid), pale: css(mix(paper, own, dark ? 0.42 : 0.3)),
				shades: (dark ? [0.34, 0.46, 0.58] : [0.2, 0.31, 0.42]).map((share) => css(mix(paper, own, share))) };
			known.set(colour, made);
		}
		return made;
	};
	return {
		ink: css(ink), soft: css(mix(paper, ink, 0.65)), grid: css(mix(paper, ink, 0.09)),
		band: css(mix(paper, ink, 0.05)), paper: css(paper), brand: css(brand),
		failed: css(dark ? [255, 110, 100] : [190, 20, 20]), veil: `rgb(${brand.join(" ")} / ${dark ? 0.28 : 0.18})`,
		font: `11px ${style.getPropertyValue("--rl-mono") || "monospace"}`, of,
	};
}

/** Call `changed` whenever the notebook changes between light and dark. */
export function onThemeChange(changed: () => void, signal: AbortSignal): void {
	const observer = new MutationObserver(changed);
	observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"] });
	signal.addEventListener("abort", () => observer.disconnect());
}

function resolved(element: HTMLElement, colour: string): string {
	const probe = document.createElement("span");
	probe.style.color = colour;
	element.append(probe);
	const found = getComputedStyle(probe).color;
	probe.remove();
	return found;
}

function rgb(colour: string): Rgb {
	const parts = colour.match(/[\d.]+/g)?.map(Number) ?? [];
	const scale = colour.startsWith("color(") ? 255 : 1;
	return [parts[0] ?? 0, parts[1] ?? 0, parts[2] ?? 0].map((n) => n * scale) as Rgb;
}

const css = (colour: Rgb) => `rgb(${colour.map(Math.round).join(" ")})`;
const mix = (from: Rgb, to: Rgb, share: number): Rgb => from.map((n, i) => n + (to[i] - n) * share) as Rgb;
const luminance = ([r, g, b]: Rgb) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
