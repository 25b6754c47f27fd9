import { startRemoteTier } from '../support/remote-tier.ts';
import { testTier } from './tier.ts';

testTier('the remote tier on loopback', (capabilities) => startRemoteTier(capabilities));
