/**
 * Egress: the only way out. Functions reach it by the capability `fetch`, containers and microVMs by a proxy connection;
 * both go through one policy, one guard over addresses and the same limits.
 */

import type { Duplex } from 'node:stream';
import type {
  Capabilities,
  CapabilityCall,
  CapabilityCaller,
  CapabilityExchange,
  CapabilitySink,
} from '../core/capability.ts';
import type { EgressRefusal } from '../core/egress.ts';
import type { FunctionVersion } from '../core/function.ts';
import { Connector } from './connector.ts';
import { DEFAULT_EGRESS_LIMITS } from './egress-limits.ts';
import type { EgressLimits } from './egress-limits.ts';
import { EgressFailure, failureOf, Refused } from './failure.ts';
import { FetchExchange } from './fetch-exchange.ts';
import { requireFetchHead } from './fetch-head.ts';
import type { CheckedHead } from './fetch-head.ts';
import { Invocations } from './invocations.ts';
import { destinationOf, Policy } from './policy.ts';
import type { PolicyOptions } from './policy.ts';
import { EgressProxy } from './proxy.ts';
import type { CurrentCaller } from './proxy-client.ts';
import { ProxyStream } from './proxy-stream.ts';
import { Resolver } from './resolver.ts';
import { TenantPools } from './tenant-pools.ts';
import type { Tunnel } from './tunnel.ts';
import { WebSocketExchange } from './websocket-exchange.ts';
import { requireWebSocketHead } from './websocket-head.ts';

export interface EgressOptions extends PolicyOptions {
  readonly limits?: Partial<EgressLimits>;
  /** `address` or `address:port`; empty: the system's. */
  readonly dnsServers?: readonly string[];
  /** The operator's own HTTP proxy; those that the environment names are ignored. */
  readonly proxy?: string | null;
  /** Authorities trusted besides the usual ones, PEM. */
  readonly ca?: string;
  /** Hears of every refusal. */
  refused(entry: EgressRefusal): void;
  /** Hears of every request and tunnel at its end; bytes of bodies, as they were on the wire. */
  count?(version: FunctionVersion, sentBytes: number, receivedBytes: number): void;
}

export interface Egress {
  /** Serves the capability `fetch`. */
  readonly fetch: Capabilities;
  /** Serves the capability `websocket`. */
  readonly websocket: Capabilities;
  /**
   * Serves the capability `egress`: one connection of a sandbox to an HTTP proxy. The body is what its client sends and the
   * answer is what it receives, raw bytes both; the metas mean nothing. Secrets that are bound to hosts are put into the
   * headers of absolute-form requests, never into a tunnel: what a CONNECT carries is not looked at.
   */
  readonly connection: Capabilities;
  /** Serves one proxy connection of a sandbox, until either side closes it. */
  proxy(socket: Duplex, caller: CurrentCaller): void;
  /** Ends what is under way. */
  close(): void;
}

export function createEgress(options: EgressOptions): Egress {
  const exits = new Exits(options);
  const proxy = new EgressProxy({
    headerBytes: exits.limits.headerBytes,
    headMs: exits.limits.proxyHeadMs,
    idleMs: exits.limits.tunnelIdleMs,
    fetch: (caller, head, hasBody, sink) => exits.fetch(caller, head, hasBody, sink, false),
    tunnel: (caller, authority, signal) => exits.tunnel(caller, authority, signal),
  });
  return {
    fetch: { start: (caller, call, sink) => exits.start(caller, call, sink) },
    websocket: { start: (caller, call, sink) => exits.startWebSocket(caller, call, sink) },
    connection: {
      start: (caller, { hasBody }, sink) => {
        const stream = new ProxyStream(sink, hasBody);
        proxy.serve(stream, () => caller);
        return stream.exchange;
      },
    },
    proxy: (socket, caller) => proxy.serve(socket, caller),
    close: () => {
      proxy.close();
      exits.close();
    },
  };
}

class Exits {
  readonly limits: EgressLimits;
  readonly #options: EgressOptions;
  readonly #policy: Policy;
  readonly #resolver: Resolver;
  readonly #pools: TenantPools;
  readonly #invocations: Invocations;

  constructor(options: EgressOptions) {
    this.#options = options;
    this.limits = { ...DEFAULT_EGRESS_LIMITS, ...options.limits };
    const { limits } = this;
    this.#policy = new Policy(options);
    this.#resolver = new Resolver({ servers: options.dnsServers ?? [] });
    this.#invocations = new Invocations({
      requests: limits.requestsPerInvocation,
      subrequests: limits.subrequestsPerInvocation,
    });
    this.#pools = new TenantPools({
      limits: {
        requests: limits.requestsPerTenant,
        sockets: limits.socketsPerTenant,
        origins: limits.originsPerTenant,
        socketsPerOrigin: limits.socketsPerOrigin,
        idleMs: limits.idleMs,
        headerBytes: limits.headerBytes,
      },
      connector: new Connector({
        policy: this.#policy,
        connectMs: limits.connectMs,
        proxy: options.proxy === undefined || options.proxy === null ? null : new URL(options.proxy),
        ca: options.ca,
      }),
      resolve: (name) => this.#resolver.resolve(name),
    });
  }

  start(caller: CapabilityCaller, { kind, meta, hasBody }: CapabilityCall, sink: CapabilitySink): CapabilityExchange {
    try {
      if (kind !== 'fetch') throw new EgressFailure('BAD_REQUEST', 'egress serves fetch and nothing else');
      return this.fetch(caller, requireFetchHead(meta, hasBody), hasBody, sink, true);
    } catch (error) {
      return failedExchange(sink, failureOf(error, 'the host'));
    }
  }

  /** Throws TOO_MANY_REQUESTS. */
  fetch(
    caller: CapabilityCaller,
    head: CheckedHead,
    hasBody: boolean,
    sink: CapabilitySink,
    decodes: boolean,
  ): CapabilityExchange {
    const leave = this.#enter(caller);
    const { limits } = this;
    return new FetchExchange(
      {
        policy: this.#policy,
        pool: this.#pools.of(caller.version.tenant),
        caller,
        sink,
        decodes,
        maxRequestBytes: limits.requestBytes,
        maxResponseBytes: limits.responseBytes,
        totalMs: limits.totalMs,
        countHop: () => this.#invocations.countHop(caller.call),
        onRefused: (refused) => this.#audit(caller, refused),
        onOver: leave,
      },
      head,
      hasBody,
    );
  }

  startWebSocket(caller: CapabilityCaller, { meta }: CapabilityCall, sink: CapabilitySink): CapabilityExchange {
    try {
      const head = requireWebSocketHead(meta);
      const leave = this.#enter(caller);
      const { limits } = this;
      const context = {
        policy: this.#policy,
        pool: this.#pools.of(caller.version.tenant),
        caller,
        sink,
        maxMessageBytes: limits.messageBytes,
        maxSentBytes: limits.requestBytes,
        maxReceivedBytes: limits.responseBytes,
        headerBytes: limits.headerBytes,
        answerMs: limits.connectMs,
        countHop: () => this.#invocations.countHop(caller.call),
        onRefused: (refused: Refused) => this.#audit(caller, refused),
        onOver: leave,
      };
      return new WebSocketExchange(context, head);
    } catch (error) {
      return failedExchange(sink, failureOf(error, 'the host'));
    }
  }

  /** A connection to the place that a CONNECT names. Rejects with an {@link EgressFailure}. */
  async tunnel(caller: CapabilityCaller, authority: string, signal: AbortSignal): Promise<Tunnel> {
    const leave = this.#enter(caller);
    try {
      const destination = destinationOf(urlOfAuthority(authority));
      this.#policy.require(destination, caller.version);
      this.#invocations.countHop(caller.call);
      const socket = await this.#pools
        .of(caller.version.tenant)
        .connect(destination.host, destination.port, 'tcp', signal);
      const { requestBytes, responseBytes } = this.limits;
      return { socket, maxSentBytes: requestBytes, maxReceivedBytes: responseBytes, onOver: leave };
    } catch (error) {
      leave(0, 0);
      if (error instanceof Refused) this.#audit(caller, error);
      throw error;
    }
  }

  close(): void {
    this.#pools.close();
    this.#resolver.close();
  }

  /** Returns what to call at the end, with the bytes sent and received. */
  #enter({ version, call }: CapabilityCaller): (sentBytes: number, receivedBytes: number) => void {
    const pool = this.#pools.of(version.tenant);
    this.#invocations.enter(call);
    try {
      pool.enter();
    } catch (error) {
      this.#invocations.leave(call);
      throw error;
    }
    return (sentBytes, receivedBytes) => {
      this.#invocations.leave(call);
      pool.leave();
      this.#options.count?.(version, sentBytes, receivedBytes);
    };
  }

  #audit({ version, call }: CapabilityCaller, { host, address, rule }: Refused): void {
    this.#options.refused({
      tenant: version.tenant,
      functionName: version.name,
      version: version.number,
      invocation: call.id,
      host,
      address,
      rule,
      timeMs: Date.now(),
    });
  }
}

/** `host:port` and nothing else; what is behind the port of http is taken for http by allow-lists. */
function urlOfAuthority(authority: string): URL {
  const [, host, port] = /^(\[[0-9a-f:.]+\]|[^\s:/?#@\\[\]]+):(\d{1,5})$/i.exec(authority) ?? [];
  const url = host === undefined ? null : URL.parse(`${Number(port) === 80 ? 'http' : 'https'}://${host}:${port}/`);
  if (url !== null) return url;
  throw new EgressFailure('BAD_REQUEST', 'CONNECT wants a host and a port, such as example.com:443');
}

/** Fails in a later turn, unless it is cancelled by then. */
function failedExchange(sink: CapabilitySink, failure: EgressFailure): CapabilityExchange {
  let isCancelled = false;
  queueMicrotask(() => {
    if (!isCancelled) sink.fail(failure.toRefusal());
  });
  return {
    write: () => true,
    endBody: () => undefined,
    resume: () => undefined,
    cancel: () => {
      isCancelled = true;
    },
  };
}
