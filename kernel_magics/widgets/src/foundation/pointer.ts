/* pointer.ts - the timeline from the mouse, a pen or a finger. */

export interface Gestures {
	measure(fromX: number, toX: number, done: boolean): void;
	click(x: number, y: number): void;
	doubleClick(x: number, y: number): void;
	hover(x: number, y: number): void;
	leave(): void;
	pan(pixels: number): void;
	zoom(factor: number, x: number): void;
}

const CLICK_PIXELS = 3;
const ZOOM_PER_PIXEL = 0.0022;

/** Drag measures, Shift+drag and the middle button pan, Ctrl+wheel zooms, Shift+wheel pans. */
export function addPointer(element: HTMLElement, gestures: Gestures): void {
	element.addEventListener("pointerdown", (event) => {
		if (event.button > 1) return;
		element.focus({ preventScroll: true });
		const panning = event.button === 1 || event.shiftKey;
		follow(element, event, (x, _y, byX, moved) => {
			if (panning) gestures.pan(-byX);
			else if (moved) gestures.measure(event.offsetX, x, false);
		}, (x, y, moved) => {
			if (panning) return;
			if (moved) gestures.measure(event.offsetX, x, true);
			else gestures.click(x, y);
		});
	});
	element.addEventListener("dblclick", (event) => gestures.doubleClick(event.offsetX, event.offsetY));
	element.addEventListener("pointermove", (event) => { if (!event.buttons) gestures.hover(event.offsetX, event.offsetY); });
	element.addEventListener("pointerleave", () => gestures.leave());
	addWheel(element, gestures);
}

/** A wheel over the picture; without a key it scrolls the page, as everywhere. */
export function addWheel(element: HTMLElement, gestures: Pick<Gestures, "pan" | "zoom">): void {
	element.addEventListener("wheel", (event) => {
		const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
		if (event.ctrlKey || event.metaKey) gestures.zoom(Math.exp(pixels(event, event.deltaY) * ZOOM_PER_PIXEL), event.offsetX);
		else if (sideways && (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) gestures.pan(pixels(event, sideways));
		else return;
		event.preventDefault();
		event.stopPropagation();
	}, { passive: false });
}

/** Follow a pressed pointer until it is let go, also outside of the element. */
export function follow(
	element: HTMLElement, down: PointerEvent,
	move: (x: number, y: number, byX: number, moved: boolean) => void,
	up: (x: number, y: number, moved: boolean) => void = () => {},
): void {
	const box = element.getBoundingClientRect();
	const end = new AbortController();
	let [last, moved] = [down.clientX, false];
	down.preventDefault();
	element.setPointerCapture(down.pointerId);
	element.addEventListener("pointermove", (event) => {
		moved ||= Math.abs(event.clientX - down.clientX) > CLICK_PIXELS;
		move(event.clientX - box.left, event.clientY - box.top, event.clientX - last, moved);
		last = event.clientX;
	}, { signal: end.signal });
	const release = (event: PointerEvent) => {
		end.abort();
		if (event.type === "pointerup") up(event.clientX - box.left, event.clientY - box.top, moved);
	};
	element.addEventListener("pointerup", release, { signal: end.signal });
	element.addEventListener("pointercancel", release, { signal: end.signal });
}

function pixels(event: WheelEvent, delta: number): number {
	return event.deltaMode === WheelEvent.DOM_DELTA_LINE ? delta * 16 : delta;
}
