import { startWorkerTier } from '../support/worker-tier.ts';
import { testCapabilities } from './capabilities.ts';
import { testTier } from './tier.ts';

for (const wall of ['bwrap', 'unshare'] as const)
  testTier(`the worker tier behind ${wall}`, (capabilities) => startWorkerTier(wall, capabilities));

testCapabilities('the worker tier behind bwrap', (capabilities) => startWorkerTier('bwrap', capabilities));
