/** Invoke outcome: what an operator is shown of one run. */

import type { Fault } from '../core/faults.ts';
import type { InvocationOutcome } from '../core/whole-invocation.ts';

/** As a handler's response is shown; JSON is shown as what it says. */
export interface ShownResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: unknown;
  readonly isBase64Encoded?: true;
}

/** Throws the fault that says nothing of the code: there was no room, or the request itself is at fault. */
export function requireRun(outcome: InvocationOutcome): void {
  const { fault } = outcome;
  if (fault !== null && (fault.retry || NOT_OF_THE_CODE.has(fault.code))) throw fault;
}

const NOT_OF_THE_CODE: ReadonlySet<Fault['code']> = new Set([
  'BODY_TOO_LARGE',
  'CANCELLED',
  'TENANT_SUSPENDED',
  'TIER_UNAVAILABLE',
]);

export const linesOf = ({ logs }: InvocationOutcome): string[] => logs.map(({ message }) => message);

export function shownResponse(response: NonNullable<InvocationOutcome['response']>): ShownResponse {
  const headers = shownHeaders(response.headers);
  const text = textOf(response.body);
  const statusCode = response.status;
  if (text === null) {
    const { buffer, byteOffset, byteLength } = response.body;
    const body = Buffer.from(buffer, byteOffset, byteLength).toString('base64');
    return { statusCode, headers, body, isBase64Encoded: true };
  }
  return { statusCode, headers, body: isJson(headers['content-type']) ? jsonOrText(text) : text };
}

function shownHeaders(list: readonly string[]): Record<string, string | string[]> {
  const headers = new Map<string, string | string[]>();
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = (list[i] as string).toLowerCase();
    const value = list[i + 1] as string;
    const before = headers.get(name);
    // Cookies can't be joined: their values may have commas.
    if (name === 'set-cookie') headers.set(name, before === undefined ? value : [before, value].flat());
    else headers.set(name, before === undefined ? value : `${String(before)}, ${value}`);
  }
  return Object.fromEntries(headers);
}

const isJson = (type: string | string[] | undefined): boolean =>
  typeof type === 'string' && /^application\/(?:[a-z0-9.+-]+\+)?json\b/i.test(type);

function textOf(body: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return null;
  }
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
