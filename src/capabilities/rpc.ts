/**
 * Rpc: the one dispatcher of `ctx.kv`, `ctx.db`, `ctx.email`, `ctx.publish` and `ctx.vm`, for every tier. It takes whose
 * invocation it is from the host and what is wanted from the guest, and nothing that the guest says about who it is.
 */

import { Fault } from '../core/faults.ts';
import { RpcError } from '../core/rpc.ts';
import type { Rpc, RpcErrorCode, RpcService } from '../core/rpc.ts';
import { seldom } from '../lib/seldom.ts';

export interface RpcOptions {
  /** By the name before the dot. */
  readonly services: Readonly<Record<string, RpcService>>;
  /** Hears of errors that the function is told nothing about. */
  report(error: unknown): void;
}

export function createRpc({ services, ...options }: RpcOptions): Rpc {
  const report = seldom(options.report);
  const methods = methodsOf(services);
  return {
    async dispatch(caller, { method, params }, signal) {
      const found = methods.get(method);
      if (found === undefined) throw new RpcError('BAD_REQUEST', `there is no method ${shown(method)}`);
      const { capabilities, name } = caller.version;
      if (!capabilities.includes(found.grant))
        throw new RpcError('NOT_GRANTED', `the function ${name} was not granted the capability ${found.grant}`);
      if (signal.aborted) throw new RpcError('CANCELLED', 'its invocation is over');
      try {
        return await found.run(caller, params, signal);
      } catch (error) {
        throw rpcErrorOf(error, report);
      }
    },
  };
}

type Method = RpcService['methods'][string];

/** A Map: no name that a guest can think of finds what an object inherits. */
function methodsOf(services: RpcOptions['services']): ReadonlyMap<unknown, Method> {
  const methods = new Map<unknown, Method>();
  for (const [service, { methods: offered }] of Object.entries(services))
    for (const [name, method] of Object.entries(offered)) methods.set(`${service}.${name}`, method);
  return methods;
}

const SHARED_CODES: ReadonlySet<string> = new Set<RpcErrorCode>([
  'BAD_REQUEST',
  'FORBIDDEN',
  'NOT_FOUND',
  'CONFLICT',
  'QUOTA_EXCEEDED',
  'THROTTLED',
  'CANCELLED',
]);

/** What is meant to be seen keeps its sentence; of everything else the function learns that it failed. */
function rpcErrorOf(error: unknown, report: (error: unknown) => void): RpcError {
  if (error instanceof RpcError) return error;
  if (error instanceof Fault) {
    if (SHARED_CODES.has(error.code)) return new RpcError(error.code as RpcErrorCode, error.message);
    if (error.code === 'OVERLOADED') return new RpcError('UNAVAILABLE', error.message);
    if (error.code === 'TENANT_SUSPENDED') return new RpcError('FORBIDDEN', error.message);
  }
  report(error);
  return new RpcError('INTERNAL', 'the host failed; its log has the reason');
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 80));
