/** Attacks: the one list of them all. A later tier joins by joining the lists of tiers in attack.ts. */

import type { Attack } from './attack.ts';
import { CPU } from './attacks/cpu.ts';
import { INTRINSICS } from './attacks/intrinsics.ts';
import { MEMORY } from './attacks/memory.ts';
import { REALM } from './attacks/realm.ts';
import { RESULTS } from './attacks/results.ts';

export const ATTACKS: readonly Attack[] = [...REALM, ...INTRINSICS, ...RESULTS, ...CPU, ...MEMORY];
