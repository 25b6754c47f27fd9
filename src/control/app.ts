/** The operator API: every part of it, in one shell. */

import type { OpenAPIHono } from '@hono/zod-openapi';
import type { ControlEnv } from './access.ts';
import { addAuditLog } from './audit-log.ts';
import { addCollections } from './collections.ts';
import { addCron } from './cron.ts';
import { addDeadLetters } from './dead-letters.ts';
import type { ControlDeps } from './deps.ts';
import { addDescription } from './description.ts';
import { addEvents } from './events.ts';
import { addFunctionInvoke } from './function-invoke.ts';
import { addFunctions } from './functions.ts';
import { addInvocationResults } from './invocation-results.ts';
import { addItems } from './items.ts';
import { addLogs } from './logs.ts';
import { addMail } from './mail.ts';
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
  addEvents,
  addDeadLetters,
  addCron,
  addItems,
  addCollections,
  addMail,
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
