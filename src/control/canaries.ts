/** Canaries: watches over every canary and ends the one that fails more often than the live version beside it. */

import type { Audit } from '../core/audit.ts';
import type { Fault } from '../core/faults.ts';
import type { FunctionStore } from '../core/function-record.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { LogSink } from '../core/invocation.ts';
import type { Route } from '../core/route.ts';
import { failedOf, OutcomeWindow, shouldEnd, type Outcomes } from './canary-verdict.ts';

export interface CanariesOptions {
  readonly routes: { find(tenant: string, name: string): Route | undefined };
  readonly functions: Pick<FunctionStore, 'change' | 'find'>;
  readonly releases: { refresh(tenant: string, name: string): Promise<void> };
  readonly audit: Audit;
  /** The function's own log. */
  readonly logs: LogSink;
  /** Hears why a canary that should end could not be ended; it is tried again with its next failure. */
  report(error: unknown): void;
  /** Monotonic. */
  nowMs?(): number;
}

interface Watch {
  readonly canary: OutcomeWindow;
  readonly live: OutcomeWindow;
  ending: boolean;
}

export class Canaries {
  readonly #options: CanariesOptions;
  /** By the canary's version: a watch is over when its canary is. */
  readonly #watches = new WeakMap<FunctionVersion, Watch>();

  constructor(options: CanariesOptions) {
    this.#options = options;
  }

  /** Told of every request that is over; costs a look-up where there is no canary. */
  observe(version: FunctionVersion, fault: Fault | null, status = 200): void {
    const route = this.#options.routes.find(version.tenant, version.name);
    if (route === undefined || route.canary === null) return;
    const failed = failedOf(fault, status);
    if (failed === null) return;
    const watch = this.#watchOf(route.canary.version);
    const nowMs = this.#options.nowMs?.() ?? performance.now();
    if (version === route.live) return watch.live.add(nowMs, failed);
    if (version !== route.canary.version) return;
    watch.canary.add(nowMs, failed);
    if (!failed || watch.ending) return;
    const [canary, live] = [watch.canary.read(nowMs), watch.live.read(nowMs)];
    if (shouldEnd(canary, live)) void this.#end(watch, version, route.live, canary, live);
  }

  #watchOf(canary: FunctionVersion): Watch {
    const known = this.#watches.get(canary);
    if (known !== undefined) return known;
    const watch: Watch = { canary: new OutcomeWindow(), live: new OutcomeWindow(), ending: false };
    this.#watches.set(canary, watch);
    return watch;
  }

  async #end(
    watch: Watch,
    version: FunctionVersion,
    live: FunctionVersion | null,
    ofCanary: Outcomes,
    ofLive: Outcomes,
  ): Promise<void> {
    const { functions, releases, audit, logs, report } = this.#options;
    const { tenant, name, number } = version;
    watch.ending = true;
    try {
      const record = await functions.find(tenant, name);
      if (record?.canary?.number !== number) return;
      // Whoever has changed the function at this moment knew better.
      await functions.change(tenant, name, { canary: null }, record.revision);
      await releases.refresh(tenant, name);
      const against = live === null ? 'with no live version' : `against ${shown(ofLive)} of version ${live.number}`;
      const message = `The canary has ended: ${shown(ofCanary)} of version ${number} failed in the last minute, ${against}`;
      logs.write(version, null, { level: 'error', message, timeMs: Date.now() });
      const details = { version: number, canary: ofCanary, live: ofLive };
      audit.record({ actor: 'system', action: 'function.canary-end', tenant, target: name, outcome: 'ok', details });
    } catch (error) {
      watch.ending = false;
      report(error);
    }
  }
}

const shown = ({ failed, total }: Outcomes): string => `${failed} of ${total} requests`;
