/**
 * A hostile executor on the wire, for a bounded time: frames of every type with fields that are nearly right, in an order
 * of the attacker's choice, cut into pieces anywhere. The host must neither throw, nor tell a caller two outcomes or
 * what is no response, nor keep what it was sent. CORDON_FUZZ_SECONDS makes it longer, CORDON_TEST_SEED repeats it.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Fault } from '../../src/core/faults.ts';
import type { SandboxEvents } from '../../src/core/tier.ts';
import { FrameType } from '../../src/wire/frames.ts';
import { makeCall, makeVersion, RecordingSink } from '../support/calls.ts';
import { frame, metaPayload, startSession } from '../support/far-end.ts';

const SECONDS = Number(process.env['CORDON_FUZZ_SECONDS'] ?? 5);
const SEED = Number(process.env['CORDON_TEST_SEED'] ?? Date.now() % 1_000_000);
const CALLS = 6;
const FRAMES = 60;
const MAX_GROWTH_BYTES = 8 * 1024 * 1024;

type Random = (below: number) => number;

/** mulberry32 */
function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const pick = <T>(random: Random, from: readonly T[]): T => from[random(from.length)] as T;

const TYPES: readonly number[] = [...Object.values(FrameType), 0, 99, 255];
const NUMBERS = [0, -0, 1, -1, 2, 99, 199, 200, 999, 2 ** 31, 2 ** 32, 2 ** 53, 1e308, 0.5] as const;
const TEXTS = [
  '',
  'x',
  '__proto__',
  'fetch',
  'TIMED_OUT',
  'INTERNAL',
  'NO_SUCH_CODE',
  'info',
  '\0',
  '\r\nset-cookie: a=1',
  '\ud800',
  'x'.repeat(70_000),
];

/** A value of JSON, mostly of the kind that such frames hold. */
function value(random: Random, depth = 0): unknown {
  switch (random(depth > 4 ? 4 : 8)) {
    case 0:
      return pick(random, NUMBERS);
    case 1:
      return pick(random, TEXTS);
    case 2:
      return null;
    case 3:
      return random(2) === 0;
    case 4:
      return Object.fromEntries([[pick(random, TEXTS), value(random, depth + 1)]]);
    default:
      return Array.from({ length: random(5) }, () => value(random, depth + 1));
  }
}

/** A meta as the type wants it, or nearly. */
function metaOf(type: number, call: number, random: Random): string {
  if (random(4) === 0)
    return pick(random, ['', '[', '{}', 'null', '[[[[', '1e999', '[200,["a"],1]', JSON.stringify(value(random))]);
  const headers = random(3) === 0 ? value(random) : ['x-call', String(call)];
  if (type === FrameType.REPLY || type === FrameType.HEAD)
    return JSON.stringify([pick(random, [200, 204, 404, ...NUMBERS]), headers, random(3)]);
  if (type === FrameType.FAULT)
    return JSON.stringify([pick(random, TEXTS), pick(random, TEXTS), random(2) === 0 ? null : value(random)]);
  if (type === FrameType.ASK)
    return JSON.stringify([random(4), pick(random, ['fetch', 'secrets', '__proto__', '']), random(4), value(random)]);
  return JSON.stringify([pick(random, ['info', 'error', '', '__proto__']), pick(random, TEXTS)]);
}

function hostileFrame(random: Random): Buffer {
  const type = pick(random, TYPES);
  const call = random(12) === 0 ? random(2 ** 31) : random(CALLS + 2);
  const shape = random(5);
  if (shape === 0) return frame(type, call, Buffer.from(Array.from({ length: random(40) }, () => random(256))));
  if (shape === 1) return frame(type, call);
  const bytes = frame(type, call, metaPayload(metaOf(type, call, random), random(2) === 0 ? '' : 'a body'));
  if (shape === 2) bytes[random(bytes.length)] = random(256);
  if (shape === 3 && bytes.length >= 13)
    bytes.writeUInt32LE(pick(random, [0, 1, bytes.length, 0x7fff_ffff, 0xffff_ffff]), 9);
  return bytes;
}

/** In pieces, as a network may bring them. */
function* pieces(bytes: Buffer, random: Random): Generator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + 1 + random(random(3) === 0 ? 8 : 8_000));
    yield bytes.subarray(at, end);
    at = end;
  }
}

/** Whether something wrong was found. */
async function round(random: Random): Promise<boolean> {
  const { far, session, heard, close } = await startSession();
  const settled = { count: 0 };
  const events: SandboxEvents = {
    onSettled: () => void settled.count++,
    onNotBegun: () => undefined,
    onGone: () => undefined,
  };
  const sandboxes = [1, 2].map((n) => session.open(makeVersion(`f${n}`, { limits: { concurrency: CALLS } }), events));
  const sinks = Array.from({ length: CALLS }, (_, i) => {
    const sink = new RecordingSink();
    sandboxes[i % 2]?.invoke(makeCall({ body: random(4) === 0 ? 'stream' : null }), sink);
    return sink;
  });
  const bytes = Buffer.concat(Array.from({ length: FRAMES }, () => hostileFrame(random)));
  for (const piece of pieces(bytes, random)) far.raw(piece);
  // A length that was begun is ended; else nothing of what follows is ever looked at.
  far.end();
  await until(() => heard.closed > 0 || heard.broken.length > 0);
  session.end(new Fault('SANDBOX_RECYCLED', 'the round is over'));
  for (const { outcomes, status, headers } of sinks) {
    assert.ok(outcomes.length <= 1, `a caller was told ${outcomes.join(', ')}`);
    assert.ok(status === 0 || (Number.isInteger(status) && status >= 100 && status <= 599), `a status of ${status}`);
    assert.ok(headers.length % 2 === 0 && headers.every((text) => typeof text === 'string'), 'headers that are none');
  }
  assert.ok(settled.count <= CALLS, 'more calls were settled than there were');
  close();
  return heard.broken.length > 0;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What is still held once nothing is left to collect. */
function heldBytes(): number {
  collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

test(
  `${SECONDS} s of hostile frames neither end the host nor confuse it (seed ${SEED})`,
  { timeout: SECONDS * 1_000 + 60_000 },
  async () => {
    const random = randomFrom(SEED);
    for (let i = 0; i < 20; i++) await round(random);
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    const endMs = performance.now() + SECONDS * 1_000;
    let rounds = 0;
    let breaches = 0;
    while (performance.now() < endMs) {
      rounds += 1;
      if (await round(random)) breaches += 1;
    }
    assert.ok(rounds > 20, `only ${rounds} rounds`);
    assert.ok(breaches > 0, 'no frame was ever found to be wrong');
    const growth = heldBytes() - before;
    assert.ok(growth < MAX_GROWTH_BYTES, `the host has grown by ${Math.round(growth / 1e6)} MB in ${rounds} rounds`);
  },
);
