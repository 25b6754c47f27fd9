import { startRemoteTier } from '../support/remote-tier.ts';
import { testTier } from './tier.ts';

testTier('remote, an executor service on loopback', (capabilities) => startRemoteTier(capabilities));
