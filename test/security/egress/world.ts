/** What the tests of this folder share: the two namespaces, a question for each attack, and the verdict of the canaries. */

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import type { DnsStep } from '../../support/dns-server.ts';
import { startNamespaces, whyNoNamespaces } from '../../support/network-namespace.ts';
import type { Namespaces } from '../../support/network-namespace.ts';
import type { Fetched, Proxied, Setup } from './inside.ts';
import type { Seen } from './outside.ts';

export const PUBLIC = '93.184.216.10';
export const ELSEWHERE = '93.184.216.11';
export const PUBLIC_6 = '2606:2800:220::10';

export type Zone = Readonly<Record<string, readonly DnsStep[]>>;

export interface Request {
  readonly url: unknown;
  readonly method?: string;
  readonly headers?: readonly string[];
  readonly redirect?: 'follow' | 'manual' | 'error';
  readonly body?: string | null;
}

export const skip: string | false = whyNoNamespaces() ?? false;

let namespaces: Namespaces;

/** Called once by every test file. */
export function useWorld(): void {
  before(async () => {
    if (skip === false)
      namespaces = await startNamespaces(new URL('inside.ts', import.meta.url), new URL('outside.ts', import.meta.url));
  });
  after(async () => {
    if (skip === false) await namespaces[Symbol.asyncDispose]();
  });
}

/** Forgets what was seen, and starts an egress of the given kind. */
export async function prepare(setup: Setup = {}, zone: Zone = {}): Promise<void> {
  await namespaces.outside.ask({ kind: 'zone', zone });
  await namespaces.inside.ask({ kind: 'setup', setup });
}

export function request({
  url,
  method = 'GET',
  headers = [],
  redirect = 'follow',
  body = null,
}: Request): Promise<Fetched> {
  return namespaces.inside.ask({ kind: 'fetch', meta: { method, url, headers, redirect }, body });
}

export const requestWith = (meta: unknown): Promise<Fetched> =>
  namespaces.inside.ask({ kind: 'fetch', meta, body: null });
export const throughProxy = (...chunks: string[]): Promise<Proxied> => namespaces.inside.ask({ kind: 'proxy', chunks });
export const seen = (): Promise<Seen> => namespaces.outside.ask({ kind: 'seen' });
export const authority = (): Promise<string> => namespaces.outside.ask({ kind: 'authority' });

/** No forbidden address was ever connected to, inside or outside. */
export async function assertSilence(): Promise<void> {
  const { canaries } = await seen();
  assert.deepEqual([...canaries, ...(await namespaces.inside.ask<string[]>({ kind: 'canaries' }))], []);
}

/** Refused by the rule, audited once with it, and no canary saw anything. */
export async function assertBlocked({ head, body, failure, refusals }: Fetched, rule: string): Promise<void> {
  assert.equal(failure?.code, 'EGRESS_BLOCKED', JSON.stringify({ head, body, failure }));
  assert.equal(failure.details?.['rule'], rule);
  assert.deepEqual(
    refusals.map((entry) => entry.rule),
    [rule],
  );
  await assertSilence();
}

/** Failed for a reason of its own, and no canary saw anything. */
export async function assertFailed({ head, body, failure }: Fetched, code: string): Promise<void> {
  assert.equal(failure?.code, code, JSON.stringify({ head, body, failure }));
  await assertSilence();
}

export function assertAnswered({ head, failure }: Fetched): void {
  assert.equal(failure, null, JSON.stringify(failure));
  assert.equal(head?.status, 200);
}
