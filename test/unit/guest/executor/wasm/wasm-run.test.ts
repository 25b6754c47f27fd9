import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WasmRun } from '../../../../../src/guest/executor/wasm/wasm-run.ts';
import { CallRelay } from '../../../../../src/guest/executor/call-relay.ts';
import { In, Out } from '../../../../../src/guest/isolate/mailbox.ts';
import type { FrameSender } from '../../../../../src/wire/connection.ts';
import type { OpenMeta } from '../../../../../src/wire/frames.ts';

const META: OpenMeta = {
  format: 'source',
  codeBytes: 0,
  interleaves: false,
  codeGeneration: false,
  functionName: 'f',
  handler: 'module',
  handlerName: 'handler',
  memoryMb: 64,
  responseBytes: 1_000,
  logBytes: 1_000,
  cpuMs: 1_000,
  pendingTimers: 10,
  env: {},
};

const FULL_BYTES = 60 * 1024 * 1024;

function makeRun(): { run: WasmRun; streams: number[]; metas: string[] } {
  const streams: number[] = [];
  const metas: string[] = [];
  const note = (_type: number, stream: number): void => void streams.push(stream);
  const sender: FrameSender = {
    send: note,
    sendNumber: note,
    sendNumbers: note,
    sendBytes: note,
    sendPart: note,
    sendMeta: (type, stream, meta) => (metas.push(meta), note(type, stream)),
  };
  const relay = new CallRelay({ id: 7, sender, responseBytes: META.responseBytes, onOver: () => run.end() });
  const run = new WasmRun({ id: 7, meta: META, relay, timeoutMs: 1_000, onPosted: () => undefined });
  return { run, streams, metas };
}

const record = (kind: number, id: number, meta: string): string => `${kind},${id},${meta.length},0;${meta}`;

test('records that name another call are this call’s own', () => {
  const { run, streams } = makeRun();
  const forged = [record(Out.LOG, 8, '["info","x"]'), record(Out.CREDIT, 1, '5'), record(Out.REPLY, 9, '[200,[],1]')];
  run.hear([forged.join('')], 0);
  assert.deepEqual(new Set(streams), new Set([7]));
  assert.equal(run.relay.isOver, true);
});

test('records that are no records throw, and nothing else', () => {
  for (const drained of [[], ['x'], ['1,2,3'], ['0,1,5,-9;[200]'], [new Uint8Array(3)], ['99999999999,1,1,1;']]) {
    const { run } = makeRun();
    assert.throws(() => run.hear(drained, 0), /record/);
  }
});

test('text of all kinds ends in frames of this call or an error', () => {
  let state = 5;
  const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
  for (let round = 0; round < 2_000; round++) {
    const { run, streams } = makeRun();
    const numbers = Array.from({ length: 4 }, () => random(30) - 2);
    const text = `${numbers.join(',')};${'[]{}",0123a'.repeat(4).slice(random(20), 10 + random(30))}`.replace(
      /,(-?\d+);/,
      ',$1;',
    );
    try {
      run.hear([text.repeat(1 + random(3)), new Uint8Array(random(10))], random(100));
    } catch (error) {
      assert.match((error as Error).message, /record|JSON/);
    }
    assert.ok(streams.every((stream) => stream === 7));
    run.end();
  }
});

test('out of memory is told from an error that only says so where there was no memory for one', () => {
  const fault = (message: string, memoryBytes: number): string => {
    const { run, metas } = makeRun();
    run.hear([record(Out.FAULT, 7, JSON.stringify(['HANDLER_THREW', message, null]))], memoryBytes);
    return (JSON.parse(metas[0] ?? '[]') as string[])[0] ?? '';
  };
  assert.equal(fault('InternalError: out of memory', 0), 'OUT_OF_MEMORY');
  assert.equal(fault('Error: of mine', FULL_BYTES), 'HANDLER_THREW');
  for (const message of [
    'The code threw null',
    'The code threw something that cannot be described',
    'InternalError: Invalid error message',
  ]) {
    assert.equal(fault(message, 1_000), 'HANDLER_THREW', message);
    assert.equal(fault(message, FULL_BYTES), 'OUT_OF_MEMORY', message);
  }
});

test('an engine that fails with its memory full has failed of that', () => {
  const fault = (reason: 'time' | 'memory' | 'trap', memoryBytes: number): unknown => {
    const { run, metas } = makeRun();
    run.stopped({ reason, message: 'it trapped' }, memoryBytes);
    assert.equal(run.relay.isOver, true);
    return (JSON.parse(metas[0] ?? '[]') as unknown[]).slice(0, 2);
  };
  const outOfMemory = ['OUT_OF_MEMORY', 'The function used more than its 64 MB of memory'];
  assert.deepEqual(fault('memory', 0), outOfMemory);
  assert.deepEqual(fault('trap', FULL_BYTES), outOfMemory);
  assert.deepEqual(fault('trap', 1_000), ['HANDLER_THREW', 'it trapped']);
  assert.deepEqual(fault('time', FULL_BYTES), ['TIMED_OUT', 'Execution timed out after 1s']);
});

test('what is posted is delivered in order, with its bytes', () => {
  const { run } = makeRun();
  run.begin('[1]', 1, Buffer.from([0xff, 0xfe]));
  run.data(Buffer.from('chunk'));
  const { messages, beside } = run.take();
  assert.deepEqual(JSON.parse(messages), [
    [In.CALL, 7, 0, [1]],
    [In.DATA, 7, 1],
  ]);
  assert.deepEqual(
    beside.map((item) => Buffer.from(item as Uint8Array).toString('latin1')),
    ['\xff\xfe', 'chunk'],
  );
  assert.equal(run.isWaiting, false);
});
