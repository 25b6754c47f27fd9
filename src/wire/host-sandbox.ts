/** HostSandbox: a sandbox as the host sees it: an id on a connection, and a count of what is in flight. */

import type { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, ResponseSink } from '../core/invocation.ts';
import type { Sandbox, SandboxEvents } from '../core/tier.ts';
import type { HostCall } from './call.ts';
import type { HostSession } from './session.ts';

export class HostSandbox implements Sandbox {
  readonly version: FunctionVersion;
  readonly id: number;
  readonly #session: HostSession;
  readonly #events: SandboxEvents;
  /** The far side has been sent its content. */
  hasContent = false;
  inFlight = 0;
  idleSinceMs: number = performance.now();

  constructor(session: HostSession, id: number, version: FunctionVersion, events: SandboxEvents) {
    this.#session = session;
    this.id = id;
    this.version = version;
    this.#events = events;
  }

  /** For {@link HostCall} only. */
  get platformFaults(): ReadonlySet<string> {
    return this.#session.platformFaults;
  }

  invoke(call: Call, sink: ResponseSink): void {
    this.inFlight++;
    call.attempts++;
    sink.attach(this.#session.startCall(this, call, sink));
  }

  close(): void {
    this.#session.closeSandbox(this);
  }

  /** For {@link HostSession} only. */
  settled(call: HostCall): void {
    this.inFlight--;
    call.ended();
    if (this.inFlight === 0) this.idleSinceMs = performance.now();
    this.#events.onSettled(call.fault);
    if (call.orphan === null) call.call.settled?.();
    else this.#events.onNotBegun(call.call, call.orphan);
  }

  /** For {@link HostSession} only. */
  gone(cause: Fault): void {
    this.#events.onGone(cause);
  }
}
