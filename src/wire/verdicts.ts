/** What a guest may say about an invocation, checked field by field before the host believes a word of it. */

import type { FaultCode } from '../core/faults.ts';
import type { LogEntry, LogLevel } from '../core/invocation.ts';
import type { Limits } from '../core/limits.ts';
import { ProtocolError } from './meta.ts';

const GUEST_FAULTS: ReadonlySet<string> = new Set<FaultCode>([
  'BAD_RESPONSE',
  'COMPILE_FAILED',
  'EGRESS_BLOCKED',
  'HANDLER_MISSING',
  'HANDLER_THREW',
  'LOAD_FAILED',
  'OUT_OF_MEMORY',
  'RESPONSE_TOO_LARGE',
  'SANDBOX_RECYCLED',
  'TIMED_OUT',
]);
const LEVELS: ReadonlySet<string> = new Set<LogLevel>(['debug', 'info', 'warn', 'error']);
const NO_CODES: ReadonlySet<string> = new Set();
const MAX_TEXT = 16 * 1024;

/** Limits that an executor holds, and whose excess no code says. */
const GUEST_LIMITS: ReadonlySet<unknown> = new Set<keyof Limits>(['cpuMs']);

export interface ReadFault {
  readonly code: FaultCode;
  readonly message: string;
  readonly stack: string | null;
  readonly limit: keyof Limits | null;
}

/** `also`: codes that this far side may use beyond a guest's. */
export function readFault(meta: unknown, also: ReadonlySet<string> = NO_CODES): ReadFault {
  if (!Array.isArray(meta)) throw new ProtocolError('a fault that is not a list');
  const [code, message, stack, limit] = meta as unknown[];
  if (typeof code !== 'string' || typeof message !== 'string')
    throw new ProtocolError('a fault without a code and a message');
  return {
    code: GUEST_FAULTS.has(code) || also.has(code) ? (code as FaultCode) : 'HANDLER_THREW',
    message: message.slice(0, MAX_TEXT),
    stack: typeof stack === 'string' ? stack.slice(0, MAX_TEXT) : null,
    limit: GUEST_LIMITS.has(limit) ? (limit as keyof Limits) : null,
  };
}

export function readLog(meta: unknown): LogEntry {
  if (!Array.isArray(meta)) throw new ProtocolError('a log line that is not a list');
  const [level, message] = meta as unknown[];
  if (typeof level !== 'string' || !LEVELS.has(level) || typeof message !== 'string')
    throw new ProtocolError('a log line without a level and a text');
  return { level: level as LogLevel, message: message.slice(0, MAX_TEXT), timeMs: Date.now() };
}

/** What a guest asks for, in its form; what `meta` says is for the capability to judge. */
export interface ReadAsk {
  readonly number: number;
  readonly kind: string;
  readonly bodyKind: 0 | 1 | 2;
  readonly meta: unknown;
}

const MAX_KIND = 64;
const MAX_NUMBER = 0xffff_ffff;

export function readAsk(parsed: unknown): ReadAsk {
  if (!Array.isArray(parsed)) throw new ProtocolError('an ask that is not a list');
  const [number, kind, bodyKind, meta] = parsed as unknown[];
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 1 || number > MAX_NUMBER)
    throw new ProtocolError('an ask without a number');
  if (typeof kind !== 'string' || kind.length > MAX_KIND) throw new ProtocolError('an ask of no kind');
  if (bodyKind !== 0 && bodyKind !== 1 && bodyKind !== 2)
    throw new ProtocolError('an ask with an unknown kind of body');
  return { number, kind, bodyKind, meta };
}

/** Status 200–599 (or 101, where that was asked for) and a flat list of header names and values; Node itself refuses bytes that may not stand in a header. */
export function readHead(
  meta: unknown,
  upgrades = false,
): readonly [status: number, headers: readonly string[], settled: boolean] {
  if (!Array.isArray(meta)) throw new ProtocolError('a head that is not a list');
  const [status, headers, settled] = meta as unknown[];
  const isUpgrade = upgrades && status === 101;
  if (typeof status !== 'number' || !Number.isInteger(status) || (status < 200 && !isUpgrade) || status > 599)
    throw new ProtocolError('a status outside 200 to 599');
  if (!Array.isArray(headers) || headers.length % 2 !== 0) throw new ProtocolError('headers that are not pairs');
  for (let i = 0; i < headers.length; i++)
    if (typeof headers[i] !== 'string') throw new ProtocolError('a header that is not a string');
  return [status, headers as string[], settled === 1];
}
