/**
 * Network: what there is of it in a sandbox, put under Node's own modules. Every connection goes to the host's proxy, and
 * none through a socket of the kernel's, so `http`, `https`, `http2`, `tls`, `WebSocket` and the packages that are built on
 * them need no change, and work where the kernel has no network at all.
 */

import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import tls from 'node:tls';
import { domainToASCII } from 'node:url';
import type { Exits } from './exits.ts';
import { installNames, isLoopback } from './names.ts';
import { installPools } from './pools.ts';
import { routeSocket } from './routed-socket.ts';
import { openTunnel } from './tunnel.ts';

export interface NetworkOptions {
  readonly exits: Exits;
  /** Whether this machine has addresses of its own, that functions may listen on and connect to. */
  readonly hasLoopback: boolean;
  /** Of 127.0.0.1, where clients that ask for a proxy find it. In this thread it is found though nothing listens there. */
  readonly proxyPort: number;
}

type Connect = (this: net.Socket, ...args: unknown[]) => net.Socket;
type Callback = (() => void) | null;

interface Destination {
  readonly host?: string;
  readonly port?: number | string;
  readonly path?: string | null;
  readonly socket?: unknown;
  readonly timeout?: number;
}

/** Functions may replace the global one. */
const { nextTick } = process;

export function installNetwork(options: NetworkOptions): void {
  const sockets = net.Socket.prototype as unknown as { connect: Connect };
  const module = tls as unknown as { connect: (...args: unknown[]) => tls.TLSSocket };
  sockets.connect = routed(sockets.connect, options);
  module.connect = securelyRouted(module.connect, options);
  installNames();
  installPools(options);
  syncBuiltinESMExports();
}

/** In the place of `net.Socket.prototype.connect`. */
function routed(connect: Connect, options: NetworkOptions): Connect {
  return function routedConnect(...args) {
    const [to, callback] = normalized(args);
    const isSecure = this instanceof tls.TLSSocket;
    if (isSecure || to.port === undefined || isLocal(to, options)) {
      if (options.hasLoopback) return Reflect.apply(connect, this, args);
      nextTick(() => this.destroy(noNetwork('what is not a place outside has nowhere to go')));
      return this;
    }
    if (callback !== null) this.once('connect', callback);
    start(this, to.host ?? 'localhost', Number(to.port), options);
    return this;
  };
}

/** In the place of `tls.connect`, which would make a socket of the kernel's beneath its own. */
function securelyRouted(
  connect: (...args: unknown[]) => tls.TLSSocket,
  options: NetworkOptions,
): (...args: unknown[]) => tls.TLSSocket {
  return (...args) => {
    const [to, callback] = secureArguments(args);
    if ((to.socket ?? null) !== null || to.port === undefined || isLocal(to, options))
      return Reflect.apply(connect, tls, args);
    const { host = 'localhost', port, timeout } = to;
    const secured = connect({ ...to, host, socket: net.connect({ host, port: Number(port) }) }, callback ?? undefined);
    if (timeout !== undefined) secured.setTimeout(timeout);
    return secured;
  };
}

function start(socket: net.Socket, given: string, port: number, { exits, proxyPort }: NetworkOptions): void {
  const host = net.isIP(given) === 0 ? domainToASCII(given) : given;
  if (host === '') return nextTick(() => socket.destroy(noNetwork('that is no name of a host')));
  const exit = exits.open();
  if (exit === null)
    return nextTick(() => socket.destroy(noNetwork('connections are opened inside of an invocation only')));
  routeSocket(socket, exit, (done) => {
    if (isLoopback(host) && port === proxyPort) nextTick(done, null);
    else openTunnel(exit, host, port, done);
  });
}

/** What stays here: this machine's own addresses, but for the one that stands for the proxy. */
function isLocal({ host = 'localhost', port, path }: Destination, { hasLoopback, proxyPort }: NetworkOptions): boolean {
  if ((path ?? null) !== null) return true;
  return hasLoopback && isLoopback(host) && Number(port) !== proxyPort;
}

const noNetwork = (why: string): Error =>
  Object.assign(new Error(`There is no network in this sandbox but through the host, as by fetch(): ${why}`), {
    code: 'ENETUNREACH',
    syscall: 'connect',
  });

const { _normalizeArgs: normalize } = net as unknown as {
  _normalizeArgs(args: readonly unknown[]): [Destination, Callback];
};

/** Node's own calls bring them in their normal form. */
const normalized = (args: readonly unknown[]): [Destination, Callback] =>
  Array.isArray(args[0]) ? (args[0] as [Destination, Callback]) : normalize(args);

/** Besides what sockets take, options may follow a port and a host. */
function secureArguments(args: readonly unknown[]): [Destination, Callback] {
  const [first, callback] = normalize(args);
  const rest = args.slice(1, 3).find((arg) => typeof arg === 'object' && arg !== null);
  return [{ ...first, ...rest }, callback];
}
