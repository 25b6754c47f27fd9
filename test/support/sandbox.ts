/** One sandbox of a real tier, called from a test. */

import assert from 'node:assert/strict';
import type { Fault } from '../../src/core/faults.ts';
import type { FunctionVersion } from '../../src/core/function.ts';
import type { Call } from '../../src/core/invocation.ts';
import type { Executor, Sandbox } from '../../src/core/tier.ts';
import { makeCall, RecordingSink } from './calls.ts';

export interface Answer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
}

/** What a call that nobody had begun is told. */
export const NOT_BEGUN = 'not begun';

export class OpenSandbox {
  readonly sandbox: Sandbox;
  #onSettled: (() => void)[] = [];
  #notBegun = new WeakSet<object>();

  constructor(executor: Executor, version: FunctionVersion) {
    this.sandbox = executor.open(version, {
      onSettled: () => this.#onSettled.splice(0).forEach((resolve) => resolve()),
      onNotBegun: (_call, sink) => {
        this.#notBegun.add(sink);
        (sink as RecordingSink).end();
      },
      onGone: () => undefined,
    });
  }

  /** Rejects with the call's fault, or with an Error that says {@link NOT_BEGUN}. */
  async call(call: Partial<Call> = {}): Promise<Answer> {
    const sink = this.start(call);
    await sink.outcome;
    if (this.#notBegun.has(sink)) throw new Error(NOT_BEGUN);
    if (sink.fault !== null) throw sink.fault;
    return { status: sink.status, headers: sink.headers, body: sink.text };
  }

  fault(call: Partial<Call> = {}): Promise<Fault> {
    return this.call(call).then(
      ({ status, body }) => assert.fail(`it was to fail, but it answered ${status} ${body.slice(0, 200)}`),
      (fault: Fault) => fault,
    );
  }

  start(call: Partial<Call>, sink: RecordingSink = new RecordingSink()): RecordingSink {
    this.sandbox.invoke(makeCall({ url: 'http://localhost/', ...call }), sink);
    return sink;
  }

  nextSettled(): Promise<void> {
    return new Promise((resolve) => this.#onSettled.push(resolve));
  }
}
