/** Invocations: runs a version for callers that want its outcome whole, in its own sandboxes or in a fresh one. */

import { Fault } from '../core/faults.ts';
import type { FunctionVersion } from '../core/function.ts';
import type { Call, Invoker } from '../core/invocation.ts';
import type { InvocationOutcome, InvocationRequest, Invocations, RunningInvocation } from '../core/whole-invocation.ts';
import { Collector } from './collector.ts';

export interface InvocationsOptions {
  readonly invoker: Invoker;
  nextId(): string;
  /** What may be shown of a text that the code wrote or threw: without the version's secrets, in its author's lines. */
  shown(version: FunctionVersion, text: string): string;
}

/** Of a caller that is in this process. */
const NO_ADDRESS = '';

export function createInvocations(options: InvocationsOptions): Invocations {
  return {
    run(version, request) {
      const call = callOf(options.nextId(), request);
      return started(options, request.fresh ? freshOf(version, call.id) : version, call);
    },
  };
}

function started(
  { invoker, shown }: InvocationsOptions,
  version: FunctionVersion,
  call: Call & { readonly body: Uint8Array | null },
): RunningInvocation {
  const startedMs = performance.now();
  const { promise, resolve } = Promise.withResolvers<InvocationOutcome>();
  const clean = (text: string): string => shown(version, text);
  const settle = (response: InvocationOutcome['response'], fault: Fault | null): void =>
    resolve({
      id: call.id,
      response,
      fault: fault === null ? null : cleanFault(fault, clean),
      logs: collector.logs.map((entry) => ({ ...entry, message: clean(entry.message) })),
      durationMs: roundedSince(startedMs),
    });
  const collector = new Collector(version.limits, {
    onResponse: (status, headers, body) => settle({ status, headers, body }, null),
    onFault: (fault) => settle(null, fault),
  });
  const { requestBytes } = version.limits;
  if (call.body !== null && call.body.length > requestBytes)
    collector.fail(new Fault('BODY_TOO_LARGE', `The request body is larger than ${requestBytes} bytes`));
  else invoker.invoke(version, call, collector);
  return {
    id: call.id,
    outcome: promise,
    cancel() {
      collector.cancel();
      settle(null, new Fault('CANCELLED', 'Whoever asked for this run cancelled it'));
    },
  };
}

/** Its sandbox is found by its key and its object, so that it never is one of those that serve requests. */
function freshOf(version: FunctionVersion, id: string): FunctionVersion {
  return { ...version, key: `${version.key} fresh ${id}`, ephemeral: true };
}

function callOf(id: string, request: InvocationRequest): Call & { readonly body: Uint8Array | null } {
  const { principal, cause, method, url, headers, body, reply } = request;
  return { id, cause, principal, method, url, headers, clientAddress: NO_ADDRESS, body, reply, attempts: 0 };
}

/** What the code threw may hold what it knows. */
function cleanFault(fault: Fault, clean: (text: string) => string): Fault {
  const { stack, ...details } = fault.details;
  return new Fault(fault.code, clean(fault.message), {
    ...details,
    ...(stack === undefined ? {} : { stack: clean(stack) }),
  });
}

const roundedSince = (startedMs: number): number => Math.round((performance.now() - startedMs) * 100) / 100;
