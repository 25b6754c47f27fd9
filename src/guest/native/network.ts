/** Network: there is none here but `fetch`, and whoever tries is told so instead of being left with a bare EPERM. */

import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

/** A script body has no `process` later on. */
const { nextTick } = process;

const MESSAGE =
  'There is no network in this sandbox: node:net, node:http, node:https and what is built on them can reach nothing. Use fetch(), which goes through the host.';

class NoNetwork extends Error {
  readonly code = 'ENETUNREACH';
  readonly syscall: string;

  constructor(syscall: string) {
    super(MESSAGE);
    this.syscall = syscall;
  }
}

/** Has every connection, and every look-up of a name, fail with that reason. */
export function explainNoNetwork(): void {
  net.Socket.prototype.connect = function connect(this: net.Socket): net.Socket {
    nextTick(() => this.destroy(new NoNetwork('connect')));
    return this;
  };
  const lookup = (...args: unknown[]): void => {
    const callback = args.at(-1);
    if (typeof callback !== 'function') throw new TypeError('dns.lookup() needs a callback');
    nextTick(callback, new NoNetwork('getaddrinfo'));
  };
  (dns as { lookup: unknown }).lookup = lookup;
  (dns.promises as { lookup: unknown }).lookup = () => Promise.reject(new NoNetwork('getaddrinfo'));
  syncBuiltinESMExports();
}
