import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallRelay } from '../../../../src/guest/executor/call-relay.ts';
import { MAX_META_UNITS, Out } from '../../../../src/guest/isolate/mailbox.ts';
import type { FrameSender } from '../../../../src/wire/connection.ts';
import { CHUNK_BYTES, FrameType, WINDOW_BYTES } from '../../../../src/wire/frames.ts';

const ID = 7;
const NAMES = Object.fromEntries(Object.entries(FrameType).map(([name, number]) => [number, name]));

class Recorder implements FrameSender {
  readonly frames: string[] = [];
  readonly metas: string[] = [];

  send(type: number, stream: number): void {
    assert.equal(stream, ID);
    this.frames.push(NAMES[type] as string);
  }

  sendMeta(type: number, stream: number, meta: string): void {
    this.metas.push(meta);
    this.send(type, stream);
  }

  sendNumber = this.send.bind(this);
  sendNumbers = this.send.bind(this);
  sendBytes = this.send.bind(this);
  sendPart = this.send.bind(this);
}

interface Relayed {
  readonly relay: CallRelay;
  readonly frames: string[];
  readonly metas: string[];
  overs(): number;
  hear(kind: number, meta?: string, body?: string | Uint8Array | null): void;
}

function relayed(): Relayed {
  const sender = new Recorder();
  let overs = 0;
  const relay = new CallRelay({ id: ID, sender, responseBytes: 1_000_000, onOver: () => void overs++ });
  const hear: Relayed['hear'] = (kind, meta = '', body = null) => relay.deliver({ kind, id: 1, meta, body });
  return { relay, frames: sender.frames, metas: sender.metas, overs: () => overs, hear };
}

test('a reply that settles ends the call, and nothing is sent after it', () => {
  const { frames, hear, overs } = relayed();
  hear(Out.LOG, '["info","a"]');
  hear(Out.REPLY, '[200,[],1]', 'body');
  for (const kind of Object.values(Out)) hear(kind, '[200,[],1]', new Uint8Array(1));
  assert.deepEqual(frames, ['LOG', 'REPLY']);
  assert.equal(overs(), 1);
});

test('a second outcome, a body before its head and an end without one are dropped', () => {
  const { frames, hear } = relayed();
  hear(Out.DATA, '', new Uint8Array(1));
  hear(Out.END);
  hear(Out.HEAD, '[200,[],0]');
  hear(Out.HEAD, '[201,[],0]');
  hear(Out.REPLY, '[200,[],1]', 'late');
  hear(Out.DATA, '', new Uint8Array(CHUNK_BYTES + 1));
  hear(Out.DATA, '', 'text');
  hear(Out.DATA, '', new Uint8Array(5));
  hear(Out.END);
  hear(Out.DATA, '', new Uint8Array(5));
  hear(Out.FAULT, '["HANDLER_THREW","late",null]');
  hear(Out.SETTLED);
  assert.deepEqual(frames, ['HEAD', 'DATA', 'END', 'SETTLED']);
});

test('what is too long to be meta is dropped', () => {
  const { frames, hear } = relayed();
  hear(Out.LOG, 'x'.repeat(MAX_META_UNITS + 1));
  hear(99, '');
  assert.deepEqual(frames, []);
});

test('a large reply is sent as the host gives credit, and the guest’s own end waits for it', () => {
  const { relay, frames, hear, overs } = relayed();
  hear(Out.REPLY, '[200,[],1]', new Uint8Array(WINDOW_BYTES + 2 * CHUNK_BYTES));
  assert.equal(frames.filter((frame) => frame === 'DATA').length, WINDOW_BYTES / CHUNK_BYTES);
  hear(Out.FAULT, '["HANDLER_THREW","late",null]');
  assert.equal(overs(), 0);
  assert.equal(relay.credit(2 * CHUNK_BYTES), true);
  assert.deepEqual(frames.slice(-2), ['END', 'SETTLED']);
  assert.equal(overs(), 1);
  assert.equal(relay.credit(1), false);
});

test('a reply larger than the version may send is a fault', () => {
  const { metas, frames, hear } = relayed();
  hear(Out.REPLY, '[200,[],1]', new Uint8Array(1_000_001));
  assert.deepEqual(frames, ['FAULT']);
  assert.match(metas[0] ?? '', /RESPONSE_TOO_LARGE/);
});

test('a call that fails after its outcome only settles, and fails once', () => {
  const late = relayed();
  late.hear(Out.REPLY, '[200,[],0]', 'x');
  late.relay.fail('TIMED_OUT', 'late');
  assert.deepEqual(late.frames, ['REPLY', 'SETTLED']);
  const early = relayed();
  early.relay.fail('TIMED_OUT', 'over', 'cpuMs');
  early.relay.fail('TIMED_OUT', 'again');
  early.relay.notBegun();
  assert.deepEqual([early.frames, early.metas], [['FAULT'], ['["TIMED_OUT","over",null,"cpuMs"]']]);
});
