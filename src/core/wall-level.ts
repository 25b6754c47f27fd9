/** Wall level: what an operator or a function asks for, at least, of the wall around a process; best first. */

import { Fault } from './faults.ts';

export const WALL_LEVELS = ['namespaces', 'landlock', 'none'] as const;
export type WallLevel = (typeof WALL_LEVELS)[number];

/** What the standing wall does not guarantee of a level; empty where it is enough. */
export type WallLacks = (level: WallLevel) => readonly string[];

/** Where nobody says what stands, nothing does. */
export const UNKNOWN_WALL: WallLacks = (level) => (level === 'none' ? [] : ['anything that this host could name']);

/** Null: the wall is enough for a version that asks for `minimumWall`, null being nothing beyond the operator's own. */
export function wallRefusal(minimumWall: WallLevel | null, lacks: WallLacks): Fault | null {
  const missing = minimumWall === null ? [] : lacks(minimumWall);
  if (missing.length === 0) return null;
  return new Fault(
    'TIER_UNAVAILABLE',
    `minimumWall: the wall that stands on this machine does not guarantee ${missing.join(', ')}, which the level ${minimumWall} asks for; \`cordon doctor\` says what would`,
  );
}
