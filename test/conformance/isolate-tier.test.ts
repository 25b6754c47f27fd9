import { startIsolateTier } from '../support/isolate-tier.ts';
import { testCapabilities } from './capabilities.ts';
import { testTier } from './tier.ts';

for (const wall of ['bwrap', 'unshare'] as const)
  testTier(`the isolate tier behind ${wall}`, (capabilities) => startIsolateTier(wall, capabilities));
testCapabilities('the isolate tier behind bwrap', (capabilities) => startIsolateTier('bwrap', capabilities));
