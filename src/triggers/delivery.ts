/** Delivery: one job as one invocation of its function, and what came of it. */

import type { CronStore } from '../core/cron.ts';
import type { FunctionStore } from '../core/function-record.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { LogLevel, LogSink } from '../core/invocation.ts';
import type { LeasedJob } from '../core/queue.ts';
import type { InvocationOutcome, Invocations, RunningInvocation } from '../core/whole-invocation.ts';
import { finishTick, isOverlapped } from './cron-overlap.ts';
import { requestOfJob } from './job-request.ts';
import { verdictOfFault, type Verdict } from './verdict.ts';

export interface DeliveryOptions {
  /** The live version of an active function, from memory. */
  versionOf(tenant: string, name: string): FunctionVersion | null;
  readonly functions: Pick<FunctionStore, 'find'>;
  readonly invocations: Invocations;
  readonly cron: Pick<CronStore, 'find' | 'finish'>;
  /** Hears, as one more line of the function's log, how an attempt failed and what was skipped. */
  readonly logs: LogSink;
  isSuspended(tenant: string): boolean;
  /** One line, for the operator. */
  report(text: string): void;
  readonly nowMs?: () => number;
}

export interface RunningDelivery {
  /** Rejects where the database failed. */
  readonly verdict: Promise<Verdict>;
  /** The verdict is that it was given back. */
  cancel(): void;
}

/** While its tenant is suspended nothing runs; it is looked at again this often. */
const SUSPENDED_MS = 60_000;

export function createDeliver(options: DeliveryOptions): (job: LeasedJob) => RunningDelivery {
  return (job) => {
    const delivery = new Delivery(job, options);
    return { verdict: delivery.run(), cancel: () => delivery.cancel() };
  };
}

class Delivery {
  readonly #job: LeasedJob;
  readonly #options: DeliveryOptions;
  #running: RunningInvocation | null = null;
  #isCancelled = false;

  constructor(job: LeasedJob, options: DeliveryOptions) {
    this.#job = job;
    this.#options = options;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#running?.cancel();
  }

  async run(): Promise<Verdict> {
    const { versionOf, isSuspended, cron } = this.#options;
    const { tenant, functionName } = this.#job;
    if (isSuspended(tenant))
      return { kind: 'unavailable', error: 'TENANT_SUSPENDED: The tenant is suspended', retryAfterMs: SUSPENDED_MS };
    const version = versionOf(tenant, functionName);
    if (version === null) return this.#withoutVersion();
    if (await isOverlapped(cron, this.#job)) return this.#skip(version);
    if (this.#isCancelled) return { kind: 'returned', error: 'CANCELLED: It had not begun' };
    return this.#invoke(version);
  }

  async #invoke(version: FunctionVersion): Promise<Verdict> {
    this.#running = this.#options.invocations.run(version, requestOfJob(this.#job, version));
    const outcome = await this.#running.outcome;
    const verdict = verdictOf(outcome);
    if (verdict.kind !== 'done' && verdict.kind !== 'returned') {
      const { kind, attempts, maxAttempts } = this.#job;
      const text = `${kind} failed, attempt ${attempts} of ${maxAttempts}: ${verdict.error}`;
      this.#log(version, outcome.id, 'error', text);
    }
    if (verdict.kind === 'done' || verdict.kind === 'failed')
      await finishTick(this.#options.cron, this.#job, this.#nowMs());
    return verdict;
  }

  /** A node that has not heard yet of a new function must not throw its events away: the database knows. */
  async #withoutVersion(): Promise<Verdict> {
    const { tenant, functionName, kind, id } = this.#job;
    const record = await this.#options.functions.find(tenant, functionName);
    if (record === null) {
      this.#options.report(`${kind} ${id} is dropped: tenant ${tenant} has no function ${functionName} any more`);
      return { kind: 'done' };
    }
    if (!record.active) return { kind: 'hopeless', error: `CONFLICT: The function ${functionName} is not active` };
    if (record.live === null)
      return { kind: 'hopeless', error: `CONFLICT: No version of the function ${functionName} is live` };
    return { kind: 'unavailable', error: 'The live version is not loaded on this node', retryAfterMs: 0 };
  }

  #skip(version: FunctionVersion): Verdict {
    this.#log(version, null, 'warn', 'a tick is skipped: the run of an earlier one lasted until after it was due');
    return { kind: 'done' };
  }

  #log(version: FunctionVersion, invocation: string | null, level: LogLevel, text: string): void {
    this.#options.logs.write(version, invocation, { level, message: `[cordon] ${text}`, timeMs: this.#nowMs() });
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? Date.now)();
  }
}

function verdictOf({ response, fault }: InvocationOutcome): Verdict {
  if (fault !== null) return verdictOfFault(fault);
  if (response === null) return { kind: 'unavailable', error: 'INTERNAL: There was no response', retryAfterMs: 0 };
  if (response.status < 400) return { kind: 'done' };
  // Its body stays out: what reads dead letters may not read all that a function may.
  const error = `The handler answered with the status ${response.status}`;
  return { kind: 'failed', error, retryAfterMs: retryAfterMs(response.headers) };
}

/** Seconds only: a date would be one of a clock in a sandbox. */
function retryAfterMs(headers: readonly string[]): number {
  const at = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'retry-after');
  const value = at < 0 ? '' : (headers[at + 1] ?? '');
  return /^\d{1,6}$/.test(value) ? Number(value) * 1000 : 0;
}
