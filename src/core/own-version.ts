/** Own version: a version that nobody has deployed, made by Cordon for work of its own: a probe, the fetches of a build. */

import { DEFAULT_EGRESS } from './egress.ts';
import type { FunctionVersion } from './function.ts';
import { DEFAULT_CHOSEN } from './limits.ts';

/** It has no environment and no grants, and may do what any function may by default. */
export function ownVersion(
  given: Pick<FunctionVersion, 'tenant' | 'name'> & Partial<FunctionVersion>,
): FunctionVersion {
  return {
    key: `${given.tenant}/${given.name}@0`,
    number: 0,
    hash: '',
    tier: 'isolate',
    runtime: 'javascript',
    cordon: 'function',
    handler: 'module',
    handlerName: 'handler',
    limits: {
      timeoutMs: 5_000,
      memoryMb: 128,
      requestBytes: 0,
      responseBytes: 1_000_000,
      logBytes: 1_000,
      concurrency: 1,
      ...DEFAULT_CHOSEN,
    },
    env: {},
    secrets: [],
    boundSecrets: [],
    requestBody: 'buffer',
    passAuthorization: false,
    verifyJwt: false,
    cors: null,
    egress: DEFAULT_EGRESS,
    capabilities: [],
    codeGeneration: false,
    minimumWall: null,
    ephemeral: true,
    artifact: { format: 'source', code: new Uint8Array(), cache: null, interleaves: false },
    ...given,
  };
}
