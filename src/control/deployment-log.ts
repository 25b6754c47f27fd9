/** Deployment log: how one deployment goes, for whoever waits for it and for the record that stays. */

import { randomUUID } from 'node:crypto';
import type { Deployment, DeploymentPhase, DeploymentRecord, DeploymentStore } from '../core/deployment.ts';
import type { Fault } from '../core/faults.ts';

export type Progress = (phase: DeploymentPhase, line: string) => void;

const MAX_LOG_CHARS = 64 * 1024;

export class DeploymentLog {
  readonly #store: Pick<DeploymentStore, 'put'>;
  readonly #progress: Progress | undefined;
  /** The store's work on the record so far, in order. Nobody waits for the first of it: the build takes longer. */
  #putting: Promise<void>;
  #record: DeploymentRecord;

  constructor(store: Pick<DeploymentStore, 'put'>, { id, tenant, name }: Deployment, progress: Progress | undefined) {
    this.#store = store;
    this.#progress = progress;
    this.#record = {
      id: id ?? randomUUID(),
      tenant,
      functionName: name,
      version: null,
      status: 'running',
      phase: 'build',
      error: null,
      log: '',
      createdMs: Date.now(),
      finishedMs: null,
    };
    this.#putting = store.put(this.#record);
    // Heard of when it is waited for.
    this.#putting.catch(() => undefined);
  }

  get record(): DeploymentRecord {
    return this.#record;
  }

  at(phase: DeploymentPhase, line: string): void {
    const log = `${this.#record.log}${line}\n`.slice(0, MAX_LOG_CHARS);
    this.#record = { ...this.#record, phase, log };
    this.#progress?.(phase, line);
  }

  /** What there is of it from now on, also when it fails. */
  made(version: number): void {
    this.#record = { ...this.#record, version };
  }

  /** Rejects as the store does. */
  async finish(fault: Fault | null): Promise<void> {
    for (const line of fault === null ? [] : [fault.message, ...(fault.details.issues ?? [])])
      this.at(this.#record.phase, line);
    this.#record = {
      ...this.#record,
      status: fault === null ? 'succeeded' : 'failed',
      error: fault?.message ?? null,
      finishedMs: Date.now(),
    };
    await this.#putting.catch(() => undefined);
    await this.#store.put(this.#record);
  }
}
