/** Valid frames of a busy executor, mutated at random: the host must neither throw nor tell a caller two outcomes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import type { SandboxEvents } from '../../../src/core/tier.ts';
import { FrameType } from '../../../src/wire/frames.ts';
import { makeCall, makeVersion, RecordingSink } from '../../support/calls.ts';
import { askPayload, frame, metaPayload, startSession } from '../../support/far-end.ts';
import { MemoryCapabilities, type MemoryExchange } from '../../support/memory-capabilities.ts';

const FRAMES = 20_000;
const FRAMES_A_SESSION = 50;
const CALLS = 8;
const SEED = Number(process.env['CORDON_TEST_SEED'] ?? 2026);

/** mulberry32: small, seeded, good enough. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

type Random = (below: number) => number;

/** What one honest call sends, in order. */
function script(id: number, random: Random): Buffer[] {
  const log = frame(FrameType.LOG, id, metaPayload(JSON.stringify(['info', `line of ${id}`])));
  const settled = frame(FrameType.SETTLED, id);
  const head = frame(FrameType.HEAD, id, metaPayload(JSON.stringify([200, ['a', 'b'], 0])));
  const data = frame(FrameType.DATA, id, Buffer.alloc(random(3000), id));
  const fault = frame(FrameType.FAULT, id, metaPayload(JSON.stringify(['TIMED_OUT', 'too long', null])));
  const credit = frame(FrameType.CREDIT, id, Buffer.from([random(256), random(256), random(4), 0]));
  switch (random(8)) {
    case 0:
      return [log, frame(FrameType.REPLY, id, metaPayload('[200,["a","b"],1]', 'body'))];
    case 1:
      return [credit, frame(FrameType.REPLY, id, metaPayload('[404,[],0]', 'body')), log, settled];
    case 2:
      return [head, data, log, data, frame(FrameType.END, id), settled];
    case 3:
      return [log, head, data, fault];
    case 4:
      return [fault];
    case 5:
      return [frame(FrameType.NOT_BEGUN, id)];
    case 6:
      return [...askScript(id, random), head, data, frame(FrameType.END, id), ...askScript(id, random, 2), settled];
    default:
      return [...askScript(id, random), log, frame(FrameType.REPLY, id, metaPayload('[200,[],0]')), settled];
  }
}

/** What an honest call asks for, and what it says about that later. */
function askScript(id: number, random: Random, number = 1): Buffer[] {
  const bodyKind = random(3);
  const ask = frame(FrameType.ASK, id, metaPayload(JSON.stringify([number, 'fetch', bodyKind, {}]), 'body'));
  const credit = frame(FrameType.ASK_CREDIT, id, askPayload(number, random(100_000)));
  const cancel = frame(FrameType.ASK_CANCEL, id, askPayload(number));
  const rest = random(3) === 0 ? [cancel] : random(2) === 0 ? [credit] : [];
  if (bodyKind !== 2) return [ask, ...rest];
  const data = frame(FrameType.ASK_DATA, id, askPayload(number, Buffer.alloc(random(3000), id)));
  return [ask, data, ...rest, data, frame(FrameType.ASK_END, id, askPayload(number))];
}

/** A service of any temper. */
function serveAtRandom(exchange: MemoryExchange, random: Random): void {
  exchange.hasRoom = random(4) > 0;
  switch (random(5)) {
    case 0:
      return exchange.fail({ code: 'EGRESS_BLOCKED', message: 'no' });
    case 1:
      exchange.head({});
      exchange.data(Buffer.alloc(random(400_000)));
      return exchange.end();
    case 2:
      return exchange.head({});
    case 3:
      return exchange.end();
  }
}

/** The scripts of all calls, interleaved at random, with what belongs to no call between them. */
function honestFrames(random: Random): Buffer[] {
  const scripts = Array.from({ length: CALLS }, (_, i) => script(i + 1, random));
  const frames: Buffer[] = [];
  while (frames.length < FRAMES_A_SESSION) {
    const waiting = scripts.filter(({ length }) => length > 0);
    const next = waiting.length === 0 || random(8) === 0 ? stray(random) : waiting[random(waiting.length)]?.shift();
    if (next !== undefined) frames.push(next);
  }
  return frames;
}

function stray(random: Random): Buffer {
  if (random(2) === 0) return frame(FrameType.PONG, 0);
  return frame(FrameType.SANDBOX_LOG, 1, metaPayload('["warn","loading"]'));
}

function mutate(bytes: Buffer, random: Random): Buffer[] {
  const copy = Buffer.from(bytes);
  switch (random(9)) {
    case 0:
      copy[random(copy.length)] = random(256);
      return [copy];
    case 1:
      copy[4] = random(48);
      return [copy];
    case 2:
      copy.writeUInt32LE(random(CALLS + 3), 5);
      return [copy];
    case 3:
      return [];
    case 4:
      return [copy, copy];
    case 5: {
      const cut = copy.subarray(0, Math.max(9, copy.length - 1 - random(20)));
      cut.writeUInt32LE(cut.length - 4, 0);
      return [cut];
    }
    case 6:
      if (copy.length >= 13) copy.writeUInt32LE(random(2) === 0 ? random(40) : random(0xffff_ffff), 9);
      return [copy];
    case 7: {
      const text = copy.toString('latin1').replace(/[[\]"0-9,]/, () => '[]"{}-1e,'.charAt(random(9)));
      return [Buffer.from(text, 'latin1')];
    }
    default:
      return [copy.subarray(0, random(copy.length))];
  }
}

test(`${FRAMES} frames, some of them mutated, never throw and never bring two outcomes (seed ${SEED})`, async () => {
  const random = randomFrom(SEED);
  let breaches = 0;
  let answers = 0;
  let asks = 0;
  for (let sent = 0; sent < FRAMES; sent += FRAMES_A_SESSION) {
    const capabilities = new MemoryCapabilities((exchange) => serveAtRandom(exchange, random));
    const { session, far, heard, close } = await startSession(capabilities);
    const settledCalls = { count: 0 };
    const handedBack = new Set<unknown>();
    const events: SandboxEvents = {
      onSettled: () => void settledCalls.count++,
      onNotBegun: (_call, sink) => void handedBack.add(sink),
      onGone: () => undefined,
    };
    const sandboxes = [1, 2].map((n) => session.open(makeVersion(`f${n}`, { limits: { concurrency: CALLS } }), events));
    const cancelled = new Set<RecordingSink>();
    const sinks = Array.from({ length: CALLS }, (_, i) => {
      const sink = new RecordingSink();
      sandboxes[i % 2]?.invoke(makeCall({ body: random(4) === 0 ? 'stream' : null }), sink);
      sink.wants = random(3) > 0;
      if (random(8) === 0) {
        cancelled.add(sink);
        sink.exchange.cancel();
      }
      return sink;
    });
    // One session in four is honest, so that the mutations of the others are not all the fuzz ever sees.
    const rate = [0, 60, 25, 8][random(4)] ?? 0;
    const frames = honestFrames(random).flatMap((bytes) =>
      rate > 0 && random(rate) === 0 ? mutate(bytes, random) : [bytes],
    );
    far.raw(Buffer.concat(frames));
    // Ends what a mutated length has begun: no session is left waiting for the rest of a frame.
    if (rate > 0) far.raw(Buffer.alloc(600 * 1024));
    await far.handled();
    session.end(new Fault('SANDBOX_RECYCLED', 'the end of the test'));
    await new Promise((resolve) => setImmediate(resolve));
    close();

    assert.ok(heard.broken.length <= 1);
    if (rate === 0) assert.deepEqual(heard.broken, []);
    breaches += heard.broken.filter(({ reason }) => !reason.startsWith('a frame of 0 bytes')).length;
    assert.equal(settledCalls.count, CALLS, 'every call settles once');
    for (const { inFlight } of sandboxes) assert.equal(inFlight, 0);
    for (const { cancels, served } of capabilities.exchanges) assert.equal(cancels, served ? 0 : 1, 'it is over once');
    asks += capabilities.exchanges.length;
    for (const sink of sinks) {
      const { outcomes, heard: said } = sink;
      const due = cancelled.has(sink) || handedBack.has(sink) ? 0 : 1;
      assert.equal(outcomes.length, due, `outcomes of a sink that heard ${said.join(', ')}`);
      if (due === 1) assert.equal(said.at(-1), outcomes[0], 'nothing is heard after the outcome');
      if (handedBack.has(sink))
        assert.deepEqual(
          said.filter((what) => what !== 'log'),
          ['attach'],
        );
      answers += outcomes.length;
    }
  }
  // Otherwise the fuzz has tested less than its title says.
  assert.ok(breaches > 50 && answers > 2000 && asks > 500, `${breaches} breaches, ${answers} outcomes, ${asks} asks`);
});
