/**
 * Tenant pool: the sockets, the names and the counts of one tenant. Nothing in it is shared with another tenant: not a
 * connection, not an answer of DNS, not a place in a queue.
 */

import type { Socket } from 'node:net';
import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import type { Connection, Connector } from './connector.ts';
import { EgressFailure } from './failure.ts';
import type { Destination } from './host-patterns.ts';
import { NameCache } from './name-cache.ts';
import type { Answer } from './resolver.ts';

export interface TenantPoolLimits {
  /** Requests and tunnels at once. */
  readonly requests: number;
  /** Sockets open or being opened. */
  readonly sockets: number;
  /** Places that idle connections are kept to. */
  readonly origins: number;
  /** Connections to one place. */
  readonly socketsPerOrigin: number;
  /** An idle connection is closed after so long. */
  readonly idleMs: number;
  readonly headerBytes: number;
}

interface OriginPool {
  readonly pool: Pool;
  requests: number;
  idleSinceMs: number;
}

export class TenantPool {
  readonly #limits: TenantPoolLimits;
  readonly #connector: Connector;
  readonly #names: NameCache;
  /** Least recently used first. */
  readonly #origins = new Map<string, OriginPool>();
  #requests = 0;
  #sockets = 0;

  constructor(limits: TenantPoolLimits, connector: Connector, resolve: (name: string) => Promise<Answer>) {
    this.#limits = limits;
    this.#connector = connector;
    this.#names = new NameCache(resolve);
  }

  get isIdle(): boolean {
    return this.#requests === 0 && this.#sockets === 0;
  }

  /** Counts one more request; throws TOO_MANY_REQUESTS. Whoever ends it calls {@link leave}. */
  enter(): void {
    if (this.#requests >= this.#limits.requests)
      throw new EgressFailure(
        'TOO_MANY_REQUESTS',
        `more than ${this.#limits.requests} outbound requests of one tenant at once`,
      );
    this.#requests++;
  }

  leave(): void {
    this.#requests--;
  }

  /** Sends one request that policy has let through; what goes wrong reaches the handler. Returns what to call at its end. */
  dispatch(
    to: Destination,
    options: Omit<Dispatcher.DispatchOptions, 'origin'>,
    handler: Dispatcher.DispatchHandler,
  ): () => void {
    const origin = this.#originOf(to);
    origin.requests++;
    origin.pool.dispatch(options, handler);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      origin.requests--;
      origin.idleSinceMs = performance.now();
    };
  }

  /** A connection outside any pool. Rejects as {@link Connector.connect} does, and with TOO_MANY_REQUESTS. */
  async connect(host: string, port: number, kind: Connection['kind'], signal?: AbortSignal): Promise<Socket> {
    if (this.#sockets >= this.#limits.sockets) await this.#closeIdle(0);
    if (this.#sockets >= this.#limits.sockets)
      throw new EgressFailure(
        'TOO_MANY_REQUESTS',
        `more than ${this.#limits.sockets} connections of one tenant at once`,
      );
    this.#sockets++;
    try {
      const socket = await this.#connector.connect(
        { host, port, kind, lookup: (name) => this.#names.lookup(name) },
        signal,
      );
      if (socket.destroyed) this.#sockets--;
      else socket.once('close', () => this.#sockets--);
      return socket;
    } catch (error) {
      this.#sockets--;
      throw error;
    }
  }

  /** Forgets the places that nobody has asked for a while. */
  sweep(): void {
    void this.#closeIdle(this.#limits.idleMs);
  }

  destroy(): void {
    for (const { pool } of this.#origins.values()) void pool.destroy(new EgressFailure('ABORTED', 'egress is closing'));
    this.#origins.clear();
  }

  #originOf({ scheme, host, port }: Destination): OriginPool {
    const key = `${scheme}//${host.includes(':') ? `[${host}]` : host}:${port}`;
    const known = this.#origins.get(key);
    if (known !== undefined) {
      this.#origins.delete(key);
      this.#origins.set(key, known);
      return known;
    }
    if (this.#origins.size >= this.#limits.origins) this.#closeOldestIdle();
    const made = { pool: this.#makePool(key, { scheme, host, port }), requests: 0, idleSinceMs: performance.now() };
    this.#origins.set(key, made);
    return made;
  }

  #makePool(origin: string, { scheme, host, port }: Destination): Pool {
    const kind = scheme === 'https:' ? 'tls' : 'tcp';
    return new Pool(origin, {
      connections: this.#limits.socketsPerOrigin,
      allowH2: true,
      keepAliveTimeout: this.#limits.idleMs,
      keepAliveMaxTimeout: this.#limits.idleMs,
      maxHeaderSize: this.#limits.headerBytes,
      connect: (_options, callback) => {
        this.connect(host, port, kind).then(
          (socket) => handOver(socket, (ready) => callback(null, ready)),
          (error: Error) => callback(error, null),
        );
      },
    });
  }

  #closeOldestIdle(): void {
    for (const [key, origin] of this.#origins) {
      if (origin.requests > 0) continue;
      void this.#close(key, origin);
      return;
    }
  }

  /** Resolves when the sockets have closed. */
  async #closeIdle(forMs: number): Promise<void> {
    const beforeMs = performance.now() - forMs;
    const idle = [...this.#origins].filter(
      ([, { requests, idleSinceMs }]) => requests === 0 && idleSinceMs <= beforeMs,
    );
    await Promise.all(idle.map(([key, origin]) => this.#close(key, origin)));
  }

  #close(key: string, { pool }: OriginPool): Promise<void> {
    this.#origins.delete(key);
    return pool.destroy();
  }
}

/** The client's own code runs in here; a promise that it rejects would end the process. */
function handOver(socket: Socket, give: (socket: Socket) => void): void {
  try {
    give(socket);
  } catch {
    socket.destroy();
  }
}
