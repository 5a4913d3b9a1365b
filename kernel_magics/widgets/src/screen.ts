/*
 * screen.ts - a byte stream's text as lines of coloured runs.
 *
 * As much of a terminal as program output uses: carriage return, backspace, tab, erase
 * to end of line, clear screen and the colours of ECMA-48 SGR.  What it does not know
 * it swallows.  Lines beyond MAX_LINES leave at the top.
 */

const MAX_LINES = 5000;
const TAB = 8;

interface Cell { text: string; style: string }

export class Screen {
	lines: Cell[][] = [[]];
	/** Number of lines that have left at the top; with it, line numbers never change. */
	gone = 0;
	/** First line (counted from the very first) changed since the view last asked. */
	dirty = 0;
	/** Set by clear(), until the view has taken notice. */
	cleared = false;
	private column = 0;
	private style = "";
	private escape = "";

	feed(text: string): void {
		for (const character of text) this.put(character);
		const extra = this.lines.length - MAX_LINES;
		if (extra > 0) {
			this.lines.splice(0, extra);
			this.gone += extra;
		}
	}

	clear(): void {
		this.lines = [[]];
		this.gone = this.dirty = this.column = 0;
		this.style = this.escape = "";
		this.cleared = true;
	}

	private get line(): Cell[] { return this.lines[this.lines.length - 1]; }

	private touch(): void {
		this.dirty = Math.min(this.dirty, this.gone + this.lines.length - 1);
	}

	private put(character: string): void {
		if (this.escape) return this.continueEscape(character);
		switch (character) {
			case "\x1b": this.escape = character; return;
			case "\n": this.lines.push([]); this.column = 0; this.touch(); return;
			case "\r": this.column = 0; return;
			case "\b": this.column = Math.max(0, this.column - 1); return;
			case "\t": do this.write(" "); while (this.column % TAB); return;
		}
		if (character >= " ") this.write(character);
	}

	private write(character: string): void {
		while (this.line.length < this.column) this.line.push({ text: " ", style: "" });
		this.line[this.column++] = { text: character, style: this.style };
		this.touch();
	}

	private continueEscape(character: string): void {
		this.escape += character;
		if (this.escape.length === 2 && character === "[") return;
		if (this.escape.length > 2 && (character < "@" || character > "~") && this.escape.length < 32) return;
		const sequence = this.escape;
		this.escape = "";
		if (sequence[1] === "[") this.control(character, sequence.slice(2, -1));
	}

	private control(final: string, parameters: string): void {
		if (final === "m") this.style = graphic(this.style, parameters);
		else if (final === "K" && parameters !== "1") { this.line.splice(this.column); this.touch(); }
		else if (final === "J" && parameters === "2") { this.lines.push([]); this.column = 0; this.touch(); }
	}
}

/** Apply SGR parameters to a style: a list of class names. */
function graphic(style: string, parameters: string): string {
	let classes = new Set(style.split(" ").filter(Boolean));
	const drop = (prefix: string) => { classes = new Set([...classes].filter((c) => !c.startsWith(prefix))); };
	for (const code of (parameters || "0").split(";").map(Number)) {
		if (code === 0) classes.clear();
		else if (code === 1) classes.add("rl-bold");
		else if (code === 4) classes.add("rl-underline");
		else if (code === 22) drop("rl-bold");
		else if (code === 24) drop("rl-underline");
		else if (code === 39) drop("rl-ink-");
		else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) { drop("rl-ink-"); classes.add(`rl-ink-${code % 10}`); }
	}
	return [...classes].join(" ");
}
