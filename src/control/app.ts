/** The operator API: every part of it, in one shell. */

import type { OpenAPIHono } from '@hono/zod-openapi';
import type { ControlEnv } from './access.ts';
import { addAuditLog } from './audit-log.ts';
import type { ControlDeps } from './deps.ts';
import { addDescription } from './description.ts';
import { addFunctionInvoke } from './function-invoke.ts';
import { addFunctions } from './functions.ts';
import { addInvocationResults } from './invocation-results.ts';
import { addLogs } from './logs.ts';
import { addMetrics } from './metrics.ts';
import { addQuarantine } from './quarantine.ts';
import { addRollouts } from './rollouts.ts';
import { addScriptInvoke } from './script-invoke.ts';
import { addSecrets } from './secrets.ts';
import { addServices } from './services.ts';
import { createShell, listenerOf, type RequestListener } from './shell.ts';
import { addTenants } from './tenants.ts';
import { addTokens } from './tokens.ts';
import { addUsage } from './usage.ts';
import { addVersions } from './versions.ts';

export type { RequestListener } from './shell.ts';

/** In the order in which the description lists them. */
const PARTS: readonly ((app: OpenAPIHono<ControlEnv>, deps: ControlDeps) => void)[] = [
  addFunctions,
  addVersions,
  addRollouts,
  addFunctionInvoke,
  addInvocationResults,
  addLogs,
  addQuarantine,
  addSecrets,
  addServices,
  addScriptInvoke,
  addTokens,
  addTenants,
  addAuditLog,
  addUsage,
  addMetrics,
  // Last, because it tells of all the others.
  addDescription,
];

export function createControlApp(deps: ControlDeps): RequestListener {
  const app = createShell(deps);
  for (const add of PARTS) add(app, deps);
  return listenerOf(app, deps);
}
