/** Tunnel: a stream to the host's proxy that becomes, by CONNECT, a stream to a place outside. */

import type { Duplex } from 'node:stream';

const MAX_HEAD_BYTES = 16 * 1024;
const MAX_BODY_BYTES = 16 * 1024;

/**
 * Asks the proxy for the place. `done` is called once: with null when the stream reaches it, else with the reason, in
 * words that Node's own sockets would use where they have some.
 */
export function openTunnel(proxy: Duplex, host: string, port: number, done: (error: Error | null) => void): void {
  let bytes = Buffer.alloc(0);
  let isOver = false;
  const finish = (error: Error | null): void => {
    if (isOver) return;
    isOver = true;
    proxy.off('data', read).off('error', finish).off('end', close).off('close', close);
    done(error);
  };
  const close = (): void => finish(answered(bytes, host, port));
  const read = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf('\r\n\r\n');
    if (bytes.length > MAX_HEAD_BYTES + MAX_BODY_BYTES) return close();
    // What a refusal says comes behind its head, and ends with the stream.
    if (end < 0 || !bytes.toString('latin1', 0, end).startsWith('HTTP/1.1 200 ')) return;
    proxy.pause();
    const rest = bytes.subarray(end + 4);
    if (rest.length > 0) proxy.unshift(rest);
    finish(null);
  };
  proxy.on('data', read).on('error', finish).on('end', close).on('close', close);
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  proxy.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
}

/** The proxy's refusal as an error. */
function answered(bytes: Buffer, host: string, port: number): Error {
  const [head = '', body = ''] = bytes.toString('utf8').split('\r\n\r\n', 2);
  const problem = parsed(body);
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? 0);
  if (status === 0) return errorOf('ECONNRESET', `The connection to ${host}:${port} was closed before it was open`, {});
  const { code = '', detail = `the host's proxy answered ${status}` } = problem;
  const message = `connect ${host}:${port}: ${detail}`;
  return errorOf(CODES[code] ?? 'ECONNREFUSED', message, code === 'EGRESS_BLOCKED' ? { status, cause: problem } : {});
}

const CODES: Readonly<Record<string, string>> = {
  EGRESS_BLOCKED: 'EGRESS_BLOCKED',
  DNS_FAILED: 'ENOTFOUND',
  TIMED_OUT: 'ETIMEDOUT',
  BAD_REQUEST: 'EINVAL',
};

interface Problem {
  readonly code?: string;
  readonly detail?: string;
}

function parsed(text: string): Problem {
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return {};
  }
}

const errorOf = (code: string, message: string, more: object): Error =>
  Object.assign(new Error(message), { code, syscall: 'connect', ...more });
