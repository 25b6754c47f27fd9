import { startContainerTier } from '../support/container-tier.ts';
import { startWorkerTier } from '../support/worker-tier.ts';
import { testNetwork } from './network.ts';

testNetwork('the worker tier', (capabilities) => startWorkerTier('bwrap', capabilities), { hasLoopback: false });
testNetwork('the container tier', (capabilities) => startContainerTier('bwrap', capabilities), { hasLoopback: true });
