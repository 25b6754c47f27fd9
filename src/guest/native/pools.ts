/**
 * Pools: Node's HTTP clients keep connections for the next request, and one of ours closes with the invocation that opened
 * it. So each invocation has connections of its own, that no other's request waits on.
 */

import http from 'node:http';
import { currentCall } from './context.ts';
import type { NativeCall } from './call.ts';
import type { NetworkOptions } from './network.ts';

/** As Node's own global agent has it. */
const IDLE_MS = 5_000;
const OWN_NAMES = 'localhost,127.0.0.1,::1';

export function installPools(options: NetworkOptions): void {
  installAgents(options);
  installDispatchers();
}

/** Plain requests go out whole, so that the host can answer for what it refuses, and fill in secrets. */
function installAgents({ hasLoopback, proxyPort }: Pick<NetworkOptions, 'hasLoopback' | 'proxyPort'>): void {
  const agents = http.Agent.prototype as unknown as { getName(options?: object): string };
  const { getName } = agents;
  agents.getName = function getNameOfInvocation(options) {
    return `${getName.call(this, options)}:${currentCall()?.invocationId ?? ''}`;
  };
  http.globalAgent = new http.Agent({
    keepAlive: true,
    scheduling: 'lifo',
    timeout: IDLE_MS,
    proxyEnv: { HTTP_PROXY: `http://127.0.0.1:${proxyPort}`, NO_PROXY: hasLoopback ? OWN_NAMES : '' },
  });
}

/** Where each version of undici, Node's own and those of npm, looks for the dispatcher of all requests. */
const AGENT = Symbol.for('undici.globalDispatcher.2');
const LEGACY_AGENT = Symbol.for('undici.globalDispatcher.1');

type Maker = new (of?: object) => object;

function installDispatchers(): void {
  const shared = globalThis as unknown as Record<symbol, object | undefined>;
  const [agent, legacy] = [shared[AGENT], shared[LEGACY_AGENT]];
  // Node makes them with the first of its classes for fetch() that is used, and ours are built on these.
  if (agent === undefined || legacy === undefined) return;
  const agents = new WeakMap<NativeCall, { readonly agent: object; readonly legacy: object }>();
  const ofCall = (): { readonly agent: object; readonly legacy: object } => {
    const call = currentCall();
    if (call === null) return { agent, legacy };
    const known = agents.get(call);
    if (known !== undefined) return known;
    const own = new (agent.constructor as Maker)();
    const made = { agent: own, legacy: new (legacy.constructor as Maker)(own) };
    agents.set(call, made);
    return made;
  };
  shared[AGENT] = standIn(agent, () => ofCall().agent);
  shared[LEGACY_AGENT] = standIn(legacy, () => ofCall().legacy);
}

/** What is asked of it, the one of the invocation that asks does. */
const standIn = (like: object, current: () => object): object =>
  new Proxy(like, {
    get(_like, name) {
      const dispatcher = current();
      const value: unknown = Reflect.get(dispatcher, name, dispatcher);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(dispatcher) : value;
    },
  });
