import { startIsolateTier } from '../support/isolate-tier.ts';
import { testTier } from './tier.ts';

for (const wall of ['bwrap', 'unshare'] as const)
  testTier(`the isolate tier behind ${wall}`, (capabilities) => startIsolateTier(wall, capabilities));
