import { startContainerTier } from '../support/container-tier.ts';
import { startBareContainerTier } from '../support/containers.ts';
import { testCapabilities } from './capabilities.ts';
import { testPython } from './python.ts';
import { testTier } from './tier.ts';

for (const wall of ['bwrap', 'unshare'] as const) {
  testTier(`containers behind ${wall}`, (capabilities) => startContainerTier(wall, capabilities));
  testPython(`containers behind ${wall}`, (capabilities) => startBareContainerTier(wall, capabilities));
}

testCapabilities('containers behind bwrap', (capabilities) => startContainerTier('bwrap', capabilities));
