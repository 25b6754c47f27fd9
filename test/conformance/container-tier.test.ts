import { startContainerTier } from '../support/container-tier.ts';
import { startBareContainerTier } from '../support/containers.ts';
import { testCapabilities } from './capabilities.ts';
import { testPython } from './python.ts';
import { testTier } from './tier.ts';

for (const wall of ['bwrap', 'unshare'] as const) {
  testTier(`the container tier behind ${wall}`, (capabilities) => startContainerTier(wall, capabilities));
  testPython(`the container tier behind ${wall}`, (capabilities) => startBareContainerTier(wall, capabilities));
}

testCapabilities('the container tier behind bwrap', (capabilities) => startContainerTier('bwrap', capabilities));
