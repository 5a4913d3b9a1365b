/* rows.ts - what stands where from top to bottom: threads, their tracks, the lanes of each. */

import type { Events, Place, Track } from "./events";

export const LANE_HEIGHT = 18;
export const HEAD_HEIGHT = 22;

export interface ThreadGroup { thread: number; name: string; tracks: Track[]; folded: boolean; y: number; height: number }
export interface LaneRow { y: number; track: Track; lane: number }

export class Rows {
	readonly groups: ThreadGroup[] = [];
	lanes: LaneRow[] = [];
	height = 0;

	constructor(events: Events) {
		for (const track of events.tracks) {
			let group = this.groups.at(-1);
			if (!group || group.thread !== track.thread) {
				group = { thread: track.thread, name: groupName(track), tracks: [], folded: false, y: 0, height: 0 };
				this.groups.push(group);
			}
			group.tracks.push(track);
		}
		this.arrange();
	}

	/** Give everything its place; needed after folding and after narrowing. */
	arrange(): void {
		let y = 0;
		this.lanes = [];
		for (const group of this.groups) {
			group.y = y;
			y += HEAD_HEIGHT;
			if (!group.folded)
				for (const track of group.tracks)
					for (const lane of track.lanes.keys()) {
						this.lanes.push({ y, track, lane });
						y += LANE_HEIGHT;
					}
			group.height = y - group.y;
		}
		this.height = y;
	}

	at(y: number): LaneRow | null {
		return this.lanes.find((row) => y >= row.y && y < row.y + LANE_HEIGHT) ?? null;
	}

	of(place: Place): LaneRow | null {
		return this.lanes.find((row) => row.track === place.track && row.lane === place.lane) ?? null;
	}

	/** Unfold what hides a place. */
	uncover(place: Place): boolean {
		const group = this.groups.find((g) => g.tracks.includes(place.track));
		if (!group?.folded) return false;
		group.folded = false;
		this.arrange();
		return true;
	}
}

function groupName(track: Track): string {
	if (track.thread < 0) return track.thread_name || "guest";
	if (track.thread === 0) return "idle · thread 0";
	const thread = track.thread_name ? `${track.thread_name} · thread ${track.thread}` : `thread ${track.thread}`;
	return track.process ? `${track.process} · ${thread}` : thread;
}
