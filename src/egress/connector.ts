/**
 * Connector: the one place where a socket to the outside is opened. A name is resolved once, every address of the answer
 * is judged, the connection goes to one of the judged addresses and no other, and where it arrived is judged again before
 * a byte is sent.
 */

import { connect as connectTcp, isIP } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import { connect as connectTls, getCACertificates } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { canonical } from './addresses.ts';
import { EgressFailure, Refused } from './failure.ts';
import type { Policy } from './policy.ts';
import type { Answer } from './resolver.ts';
import { tunnelThrough } from './upstream-proxy.ts';

export interface ConnectorOptions {
  readonly policy: Policy;
  /** From the name to a connection that is ready, in all. */
  readonly connectMs: number;
  /** The operator's own proxy; null: none. */
  readonly proxy: URL | null;
  /** Trusted besides the usual authorities, PEM. */
  readonly ca?: string | undefined;
}

export interface Connection {
  /** A name or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** `tls`: with HTTP/2 offered; `tls-http1`: without, for what begins as HTTP/1.1. `tcp`: bare. */
  readonly kind: 'tcp' | 'tls' | 'tls-http1';
  lookup(name: string): Promise<Answer>;
}

/** An answer may hold hundreds of addresses; only so many are tried. */
const MAX_ATTEMPTS = 6;
/** After so long without an answer the next address is tried beside it. */
const ATTEMPT_MS = 250;

export class Connector {
  readonly #options: ConnectorOptions;

  constructor(options: ConnectorOptions) {
    this.#options = options;
  }

  /** Rejects with {@link Refused}, DNS_FAILED, CONNECT_FAILED or TLS_FAILED. */
  async connect(to: Connection, signal?: AbortSignal): Promise<Socket> {
    const timeout = AbortSignal.timeout(this.#options.connectMs);
    const stop = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const late = failWhen(stop, () =>
      signal?.aborted === true
        ? new EgressFailure('ABORTED', 'the request was aborted')
        : new EgressFailure('CONNECT_FAILED', `no connection to ${to.host} was made in time`, true),
    );
    try {
      const addresses = await Promise.race([this.#judgedAddresses(to), late.failed]);
      const socket = await this.#open(to, addresses, stop, late.failed);
      return to.kind === 'tcp' ? socket : await this.#secure(to, socket, late.failed);
    } finally {
      late.dispose();
    }
  }

  async #judgedAddresses({ host, port, lookup }: Connection): Promise<readonly string[]> {
    const addresses = isIP(host) === 0 ? (await lookup(host)).addresses : [host];
    const refusal = this.#options.policy.refusalOf(host, port, addresses);
    if (refusal !== null) throw refusal;
    return addresses.slice(0, MAX_ATTEMPTS);
  }

  async #open(to: Connection, addresses: readonly string[], stop: AbortSignal, late: Promise<never>): Promise<Socket> {
    const { proxy } = this.#options;
    if (proxy !== null) return tunnelThrough(proxy, addresses, to.port, stop);
    const socket = connectTcp({
      host: to.host,
      port: to.port,
      lookup: pinned(addresses),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
    });
    socket.on('error', ignore);
    await settledBy(socket, 'connect', late, () => new EgressFailure('CONNECT_FAILED', `${to.host} can't be reached`));
    const { remoteAddress } = socket;
    if (remoteAddress !== undefined && addresses.some((address) => canonical(address) === canonical(remoteAddress)))
      return socket;
    socket.destroy();
    throw new Refused('another-address', to.host, remoteAddress ?? null);
  }

  async #secure({ host, kind }: Connection, socket: Socket, late: Promise<never>): Promise<TLSSocket> {
    const { ca } = this.#options;
    const secured = connectTls({
      socket,
      host,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: kind === 'tls' ? ['h2', 'http/1.1'] : ['http/1.1'],
      minVersion: 'TLSv1.2',
      ...(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
    });
    secured.on('error', ignore);
    try {
      await settledBy(secured, 'secureConnect', late, (error) => tlsFailure(host, error));
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return secured;
  }
}

/** Answers every look-up with the judged addresses. */
function pinned(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, options, callback) => {
    const [first] = all;
    if (options.all === true || first === undefined) callback(null, all);
    else callback(null, first.address, first.family);
  };
}

/** Resolves when the socket has emitted the event; destroys it where that does not come. */
async function settledBy(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  late: Promise<never>,
  explain: (error: unknown) => EgressFailure,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const failed = (error?: unknown): void => reject(explain(error));
  socket.once(event, resolve).once('error', failed).once('close', failed);
  try {
    await Promise.race([promise, late]);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    socket.off(event, resolve).off('error', failed).off('close', failed);
  }
}

/** Every socket has a listener for errors from its first moment: one that nobody hears ends the process. */
const ignore = (): void => undefined;

/** Certificate errors say what is wrong with the other side's certificate, which is public. */
function tlsFailure(host: string, error: unknown): EgressFailure {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  const why = typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? ` (${code})` : '';
  return new EgressFailure('TLS_FAILED', `no secure connection to ${host} could be made${why}`);
}

/** A promise that rejects when the signal aborts. */
function failWhen(signal: AbortSignal, explain: () => EgressFailure): { failed: Promise<never>; dispose(): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(explain());
  promise.catch(ignore);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  return { failed: promise, dispose: () => signal.removeEventListener('abort', abort) };
}
