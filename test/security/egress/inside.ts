/** Where the functions are: an egress of our own, and canaries on every address of this machine. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { CapabilityRefusal } from '../../../src/core/capability.ts';
import type { BoundSecret, EgressRefusal, FetchReplyHead } from '../../../src/core/egress.ts';
import { createEgress } from '../../../src/egress/egress.ts';
import type { EgressLimits } from '../../../src/egress/egress-limits.ts';
import type { Egress } from '../../../src/egress/egress.ts';
import { makeCall, makeVersion } from '../../support/calls.ts';
import { answerQuestions, OUTSIDE_ADDRESS } from '../../support/network-namespace.ts';

export interface Setup {
  readonly allow?: readonly string[] | null;
  readonly ceiling?: readonly string[] | null;
  readonly allowPrivate?: readonly string[];
  readonly refusal?: 'throw' | 'response';
  readonly secrets?: readonly BoundSecret[];
  readonly limits?: Partial<EgressLimits>;
  readonly ca?: string;
  readonly systemResolver?: boolean;
}

export interface Fetched {
  readonly head: FetchReplyHead | null;
  readonly body: string;
  readonly failure: CapabilityRefusal | null;
  readonly refusals: readonly EgressRefusal[];
}

export interface Proxied {
  readonly text: string;
  readonly refusals: readonly EgressRefusal[];
}

export type Question =
  | { readonly kind: 'start' }
  | { readonly kind: 'setup'; readonly setup: Setup }
  | { readonly kind: 'fetch'; readonly meta: unknown; readonly body: string | null }
  | { readonly kind: 'proxy'; readonly chunks: readonly string[] }
  | { readonly kind: 'canaries' };

let egress: Egress | null = null;
let setup: Setup = {};
let canaries: string[] = [];
let refusals: EgressRefusal[] = [];

answerQuestions((question: Question): unknown => {
  if (question.kind === 'start') return startCanaries();
  if (question.kind === 'setup') return setUp(question.setup);
  if (question.kind === 'fetch') return fetchOnce(question.meta, question.body);
  if (question.kind === 'proxy') return proxyOnce(question.chunks);
  return canaries;
});

async function startCanaries(): Promise<void> {
  for (const port of [22, 25, 80, 443, 2375, 6379, 8080, 8443, 9001]) {
    const server = createServer((socket) => {
      canaries.push(`${socket.localAddress?.replace(/^::ffff:/, '')}:${port}`);
      socket.destroy();
    });
    server.listen(port, '::');
    await once(server, 'listening');
  }
}

function setUp(next: Setup): void {
  egress?.close();
  canaries = [];
  setup = next;
  egress = createEgress({
    defaultAllow: () => null,
    ceiling: next.ceiling ?? null,
    allowPrivate: next.allowPrivate ?? [],
    dnsServers: next.systemResolver === true ? [] : [OUTSIDE_ADDRESS],
    refused: (entry) => refusals.push(entry),
    ...(next.ca === undefined ? {} : { ca: next.ca }),
    limits: { connectMs: 3_000, totalMs: 6_000, ...next.limits },
  });
}

const callerNow = () => ({
  version: makeVersion('f', {
    egress: { allow: setup.allow ?? null, refusal: setup.refusal ?? 'throw' },
    boundSecrets: setup.secrets ?? [],
  }),
  call: makeCall(),
});

async function fetchOnce(meta: unknown, body: string | null): Promise<Fetched> {
  refusals = [];
  const chunks: Buffer[] = [];
  let head: FetchReplyHead | null = null;
  const failure = await new Promise<CapabilityRefusal | null>((resolve) => {
    const exchange = egress!.fetch.start(
      callerNow(),
      { kind: 'fetch', meta, hasBody: body !== null },
      {
        head: (reply) => {
          head = reply as FetchReplyHead;
        },
        data: (chunk) => chunks.push(Buffer.from(chunk)) > 0,
        end: () => resolve(null),
        fail: resolve,
      },
    );
    if (body !== null) exchange.write(Buffer.from(body), () => undefined);
    if (body !== null) exchange.endBody();
  });
  return { head, body: Buffer.concat(chunks).toString(), failure, refusals };
}

/** Writes each chunk, the next once something came back, and returns all that came until the proxy ended or fell silent. */
async function proxyOnce(chunks: readonly string[]): Promise<Proxied> {
  refusals = [];
  const [near, far] = duplexPair();
  const caller = callerNow();
  egress!.proxy(far, () => caller);
  near.on('error', () => undefined);
  const rest = [...chunks];
  const next = (): void => {
    const chunk = rest.shift();
    if (chunk === undefined) near.end();
    else near.write(chunk, 'latin1');
  };
  near.on('data', () => setImmediate(next));
  next();
  return { text: await text(near), refusals };
}
