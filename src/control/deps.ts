/** What the operator API is wired to: what each of its parts asks for. */

import type { AuditLogDeps } from './audit-log.ts';
import type { CollectionsDeps } from './collections.ts';
import type { CronDeps } from './cron.ts';
import type { DeadLettersDeps } from './dead-letters.ts';
import type { EventsDeps } from './events.ts';
import type { FunctionInvokeDeps } from './function-invoke.ts';
import type { FunctionsDeps } from './functions.ts';
import type { InvocationResultsDeps } from './invocation-results.ts';
import type { ItemsDeps } from './items.ts';
import type { LogsDeps } from './logs.ts';
import type { MailDeps } from './mail.ts';
import type { MetricsDeps } from './metrics.ts';
import type { QuarantineDeps } from './quarantine.ts';
import type { RolloutsDeps } from './rollouts.ts';
import type { ScriptInvokeDeps } from './script-invoke.ts';
import type { SecretsDeps } from './secrets.ts';
import type { ServicesDeps } from './services.ts';
import type { ShellDeps } from './shell.ts';
import type { TenantsDeps } from './tenants.ts';
import type { TokensDeps } from './tokens.ts';
import type { UsageDeps } from './usage.ts';
import type { VersionsDeps } from './versions.ts';

export type ControlDeps = ShellDeps &
  FunctionsDeps &
  VersionsDeps &
  RolloutsDeps &
  FunctionInvokeDeps &
  InvocationResultsDeps &
  LogsDeps &
  SecretsDeps &
  ServicesDeps &
  ScriptInvokeDeps &
  EventsDeps &
  DeadLettersDeps &
  CronDeps &
  ItemsDeps &
  CollectionsDeps &
  MailDeps &
  TokensDeps &
  TenantsDeps &
  AuditLogDeps &
  QuarantineDeps &
  UsageDeps &
  MetricsDeps;
