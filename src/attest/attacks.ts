/** Attacks: the one list of them all. A later tier joins by joining the lists of tiers in attack.ts. */

import type { Attack } from './attack.ts';
import { CPU } from './attacks/cpu.ts';
import { EGRESS } from './attacks/egress.ts';
import { FLOODS } from './attacks/floods.ts';
import { HOST } from './attacks/host.ts';
import { HTTP } from './attacks/http.ts';
import { IDENTITY } from './attacks/identity.ts';
import { INTRINSICS } from './attacks/intrinsics.ts';
import { MEMORY } from './attacks/memory.ts';
import { REALM } from './attacks/realm.ts';
import { RESULTS } from './attacks/results.ts';
import { TENANT } from './attacks/tenant.ts';
import { UPLOADS } from './attacks/uploads.ts';

export const ATTACKS: readonly Attack[] = [
  ...REALM,
  ...INTRINSICS,
  ...RESULTS,
  ...CPU,
  ...MEMORY,
  ...FLOODS,
  ...TENANT,
  ...HOST,
  ...EGRESS,
  ...HTTP,
  ...IDENTITY,
  ...UPLOADS,
];
