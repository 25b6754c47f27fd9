import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import type { FunctionVersion } from '../../../src/core/function.ts';
import type { Call, ResponseSink } from '../../../src/core/invocation.ts';
import type { Sandbox, SandboxEvents } from '../../../src/core/tier.ts';
import { CHUNK_BYTES, FrameType, WINDOW_BYTES, type CallMeta, type OpenMeta } from '../../../src/wire/frames.ts';
import { metaBody, parseMeta, readCredit } from '../../../src/wire/meta.ts';
import { makeCall, makeVersion, RecordingSink } from '../../support/calls.ts';
import { startSession, type FarEnd, type Rig } from '../../support/far-end.ts';

class Events implements SandboxEvents {
  readonly heard: string[] = [];
  readonly notBegun: { call: Call; sink: ResponseSink }[] = [];
  onSettled = (fault: Fault | null): void => void this.heard.push(`settled ${fault?.code ?? 'well'}`);
  onNotBegun = (call: Call, sink: ResponseSink): void => {
    this.heard.push('not begun');
    this.notBegun.push({ call, sink });
  };
  onGone = (cause: Fault): void => void this.heard.push(`gone ${cause.code}`);
}

interface Setup extends Rig {
  readonly version: FunctionVersion;
  readonly events: Events;
  readonly sandbox: Sandbox;
  /** Makes a call and returns its id on the wire. */
  call(sink: ResponseSink, call?: Call): Promise<number>;
}

async function setup(
  t: TestContext,
  version: FunctionVersion = makeVersion('f', { limits: { concurrency: 100 } }),
): Promise<Setup> {
  const rig = await startSession();
  t.after(() => rig.close());
  const events = new Events();
  const sandbox = rig.session.open(version, events);
  return {
    ...rig,
    version,
    events,
    sandbox,
    async call(sink, call = makeCall()) {
      sandbox.invoke(call, sink);
      return (await rig.far.next(FrameType.CALL)).stream;
    },
  };
}

test('OPEN brings the code, its cache and what the sandbox needs to know', async (t) => {
  const artifact = {
    format: 'module',
    code: Buffer.from('code'),
    cache: Buffer.from('cache'),
    interleaves: false,
  } as const;
  const { far } = await setup(t, makeVersion('f', { env: { A: '1' }, artifact }));
  const { stream, payload } = await far.next(FrameType.OPEN);
  const meta = parseMeta(payload) as OpenMeta;
  assert.equal(stream, 1);
  assert.deepEqual(meta.env, { A: '1' });
  assert.equal(metaBody(payload).subarray(0, meta.codeBytes).toString(), 'code');
  assert.equal(metaBody(payload).subarray(meta.codeBytes).toString(), 'cache');
});

test('a call crosses with its body and is answered in one frame', async (t) => {
  const { far, call, events, sandbox } = await setup(t);
  const sink = new RecordingSink();
  const made = makeCall({ method: 'POST', body: Buffer.from('hello'), query: { a: ['b'] } });
  sandbox.invoke(made, sink);
  const { stream, payload } = await far.next(FrameType.CALL);
  const meta = parseMeta(payload) as CallMeta;
  assert.deepEqual(meta, [
    1,
    1,
    30_000,
    'POST',
    made.url,
    made.headers,
    'http',
    '127.0.0.1',
    made.id,
    { a: ['b'] },
    null,
  ]);
  assert.equal(metaBody(payload).toString(), 'hello');
  assert.equal(sandbox.inFlight, 1);
  far.reply(stream, 'wörld');
  assert.equal(await sink.outcome, 'complete');
  assert.equal(sink.status, 200);
  assert.deepEqual(sink.headers, ['content-type', 'text/plain']);
  assert.equal(sink.text, 'wörld');
  assert.deepEqual(events.heard, ['settled well']);
  assert.equal(sandbox.inFlight, 0);
  assert.equal(await call(new RecordingSink()), stream + 1);
});

test('the slot is free when the invocation settles, not when it answers', async (t) => {
  const { far, call, events, sandbox, heard, settle } = await setup(t);
  const sink = new RecordingSink();
  const id = await call(sink);
  far.reply(id, 'early', 0);
  await sink.outcome;
  assert.equal(sandbox.inFlight, 1);
  far.meta(FrameType.LOG, id, ['info', 'still at work']);
  far.send(FrameType.SETTLED, id);
  await settle();
  assert.equal(sandbox.inFlight, 0);
  assert.deepEqual(events.heard, ['settled well']);
  assert.deepEqual(sink.logs, []);
  assert.deepEqual(
    heard.logs.map(({ entry }) => entry.message),
    ['still at work'],
  );
});

test('a streamed answer arrives chunk by chunk', async (t) => {
  const { far, call, events, settle } = await setup(t);
  const sink = new RecordingSink();
  const id = await call(sink);
  far.meta(FrameType.HEAD, id, [201, ['x-a', 'b'], 0]);
  far.send(FrameType.DATA, id, 'one ');
  far.send(FrameType.DATA, id, 'two');
  await settle();
  assert.deepEqual(sink.heard, ['attach', 'head', 'data', 'data']);
  far.send(FrameType.END, id);
  far.send(FrameType.SETTLED, id);
  assert.equal(await sink.outcome, 'end');
  await settle();
  assert.equal(sink.status, 201);
  assert.equal(sink.text, 'one two');
  assert.deepEqual(events.heard, ['settled well']);
});

test('a fault of the guest may come before or after the head, and settles the call', async (t) => {
  const { far, call, events } = await setup(t);
  for (const withHead of [false, true]) {
    const sink = new RecordingSink();
    const id = await call(sink);
    if (withHead) far.meta(FrameType.HEAD, id, [200, [], 0]);
    far.meta(FrameType.FAULT, id, ['OUT_OF_MEMORY', 'too much', 'at f (x.js:1:1)']);
    assert.equal(await sink.outcome, 'OUT_OF_MEMORY');
    assert.equal(sink.fault?.message, 'too much');
    assert.equal(sink.fault?.details.stack, 'at f (x.js:1:1)');
  }
  assert.deepEqual(events.heard, ['settled OUT_OF_MEMORY', 'settled OUT_OF_MEMORY']);
});

test('a guest cannot claim a fault that is the host’s to give', async (t) => {
  const { far, call, heard } = await setup(t);
  for (const code of ['UNAUTHORIZED', 'INTERNAL', 'SHUTTING_DOWN', 'MADE_UP', '__proto__', '']) {
    const sink = new RecordingSink();
    far.meta(FrameType.FAULT, await call(sink), [code, 'x'.repeat(100_000), 'y'.repeat(100_000)]);
    assert.equal(await sink.outcome, 'HANDLER_THREW');
    assert.equal(sink.fault?.message.length, 16 * 1024);
    assert.equal(sink.fault?.details.stack?.length, 16 * 1024);
  }
  assert.deepEqual(heard.broken, []);
});

/** What a hostile far side may say while one call waits and another is streaming; the host must take none of it. */
const BREACHES: Readonly<Record<string, (far: FarEnd, open: number, streaming: number) => void>> = {
  'a frame of an unknown type': (far) => far.send(99, 0),
  'a frame that only the host may send': (far, open) => far.send(FrameType.CALL, open),
  'an answer to a call that was never made': (far) => far.reply(77, 'x'),
  'an answer to call 0': (far) => far.reply(0, 'x'),
  'a log line of a call that was never made': (far) => far.meta(FrameType.LOG, 77, ['info', 'x']),
  'a log line of a sandbox that was never opened': (far) => far.meta(FrameType.SANDBOX_LOG, 77, ['info', 'x']),
  'the end of a sandbox that was never opened': (far) => far.meta(FrameType.GONE, 77, ['TIMED_OUT', 'x', null]),
  'a second answer': (far, open) => {
    far.reply(open, 'x', 0);
    far.reply(open, 'y', 0);
  },
  'an answer after a head': (far, _open, streaming) => far.reply(streaming, 'x'),
  'a second head': (far, _open, streaming) => far.meta(FrameType.HEAD, streaming, [200, [], 0]),
  'data before the head': (far, open) => far.send(FrameType.DATA, open, 'x'),
  'the end before the head': (far, open) => far.send(FrameType.END, open),
  'a second end': (far, _open, streaming) => {
    far.send(FrameType.END, streaming);
    far.send(FrameType.END, streaming);
  },
  'data after the end': (far, _open, streaming) => {
    far.send(FrameType.END, streaming);
    far.send(FrameType.DATA, streaming, 'x');
  },
  'a fault after the end': (far, _open, streaming) => {
    far.send(FrameType.END, streaming);
    far.meta(FrameType.FAULT, streaming, ['TIMED_OUT', 'x', null]);
  },
  'that a call settled before its outcome': (far, open) => far.send(FrameType.SETTLED, open),
  'that a streaming call settled before its end': (far, _open, streaming) => far.send(FrameType.SETTLED, streaming),
  'that a call had not begun when it has': (far, _open, streaming) => far.send(FrameType.NOT_BEGUN, streaming),
  'status 99': (far, open) => far.meta(FrameType.REPLY, open, '[99,[],1]'),
  'status 101': (far, open) => far.meta(FrameType.REPLY, open, '[101,[],1]'),
  'status 600': (far, open) => far.meta(FrameType.HEAD, open, '[600,[],1]'),
  'status 200.5': (far, open) => far.meta(FrameType.REPLY, open, '[200.5,[],1]'),
  'a status that is text': (far, open) => far.meta(FrameType.REPLY, open, '["200",[],1]'),
  'a status that is NaN': (far, open) => far.meta(FrameType.REPLY, open, '[NaN,[],1]'),
  'no status': (far, open) => far.meta(FrameType.REPLY, open, '[]'),
  'an odd list of headers': (far, open) => far.meta(FrameType.REPLY, open, '[200,["a"],1]'),
  'a header that is not text': (far, open) => far.meta(FrameType.HEAD, open, '[200,["a",1],0]'),
  'headers that are no list': (far, open) => far.meta(FrameType.REPLY, open, '[200,{"length":2},1]'),
  'a head that is no list': (far, open) => far.meta(FrameType.REPLY, open, '{"0":200}'),
  'a meta that is not JSON': (far, open) => far.meta(FrameType.REPLY, open, '[200,'),
  'a meta longer than its payload': (far, open) => far.send(FrameType.REPLY, open, Buffer.from([255, 0, 0, 0, 91, 93])),
  'an answer without a meta': (far, open) => far.send(FrameType.REPLY, open, 'abc'),
  'a fault that is no list': (far, open) => far.meta(FrameType.FAULT, open, 'null'),
  'a fault without a message': (far, open) => far.meta(FrameType.FAULT, open, '["TIMED_OUT"]'),
  'a fault whose code is no text': (far, open) => far.meta(FrameType.FAULT, open, '[{},""]'),
  'a log line without a level': (far, open) => far.meta(FrameType.LOG, open, '[null,"x"]'),
  'a log line of an invented level': (far, open) => far.meta(FrameType.LOG, open, '["loud","x"]'),
  'a log line that is no text': (far, open) => far.meta(FrameType.LOG, open, '["info",{"toString":1}]'),
  'a credit of three bytes': (far, open) => far.send(FrameType.CREDIT, open, 'abc'),
  'a flood of log lines': (far, open) => {
    const line = 'x'.repeat(500_000);
    // Twice what a second may bring, in case a second ends in the middle of it.
    for (let i = 0; i < 80; i++) far.meta(FrameType.LOG, open, ['info', line]);
  },
  'a flood of log lines of a call that is over': (far, open) => {
    far.reply(open, 'x');
    const line = 'x'.repeat(500_000);
    for (let i = 0; i < 80; i++) far.meta(FrameType.LOG, open, ['info', line]);
  },
  'more data than the window allows': (far, _open, streaming) => {
    for (let sent = 0; sent <= WINDOW_BYTES; sent += CHUNK_BYTES)
      far.send(FrameType.DATA, streaming, Buffer.alloc(CHUNK_BYTES));
  },
  'a frame larger than any may be': (far) => far.raw(Buffer.from([0, 0, 9, 0, 25, 0, 0, 0, 0])),
  'the end of the connection': (far) => far.end(),
  'that it cannot be trusted any more': (far) => far.meta(FrameType.BROKEN, 1, ['SANDBOX_RECYCLED', 'poisoned', null]),
};

for (const [what, say] of Object.entries(BREACHES)) {
  test(`a far side that says ${what} is ended, and every call has one outcome`, async (t) => {
    const { far, call, heard, broken, events, sandbox, settle } = await setup(t);
    const waiting = new RecordingSink();
    const streaming = new RecordingSink();
    // A slow reader: nothing it holds back is given back.
    streaming.wants = false;
    const bystander = new RecordingSink();
    const [open, stream] = [await call(waiting), await call(streaming)];
    await call(bystander);
    far.meta(FrameType.HEAD, stream, [200, [], 0]);
    await settle();

    say(far, open, stream);
    far.meta(FrameType.BROKEN, 0, ['SANDBOX_RECYCLED', 'again', null]);
    far.send(98, 0);
    await broken;
    await Promise.all([waiting.outcome, streaming.outcome, bystander.outcome]);
    await settle();

    assert.equal(heard.broken.length, 1, 'the breach is told once');
    assert.equal(heard.closed, 1);
    for (const { outcomes } of [waiting, streaming, bystander]) assert.equal(outcomes.length, 1);
    assert.deepEqual(bystander.outcomes, ['SANDBOX_RECYCLED']);
    assert.equal(sandbox.inFlight, 0);
    assert.equal(events.heard.filter((text) => text.startsWith('settled')).length, 3);
    assert.equal(events.heard.filter((text) => text.startsWith('gone')).length, 1);
  });
}

test('the culprit of a breach is the version whose call it was about', async (t) => {
  const { far, call, broken, heard, version } = await setup(t);
  far.send(FrameType.DATA, await call(new RecordingSink()), 'x');
  assert.equal(await broken, 'DATA in the state open');
  assert.equal(heard.broken[0]?.culprit, version);
});

test('a sink that throws ends its executor, not the host', async (t) => {
  const { far, call, broken } = await setup(t);
  const sink = new RecordingSink();
  sink.head = () => {
    throw new TypeError('a mistake of the host');
  };
  const bystander = new RecordingSink();
  const id = await call(sink);
  await call(bystander);
  far.meta(FrameType.HEAD, id, [200, [], 0]);
  assert.match(await broken, /the host failed on a frame of type 18: TypeError: a mistake of the host/);
  assert.equal(await bystander.outcome, 'SANDBOX_RECYCLED');
});

test('a cancelled call is told to the far side, and its sink hears nothing more', async (t) => {
  const { far, call, sandbox, heard, events, settle } = await setup(t);
  const sink = new RecordingSink();
  const id = await call(sink);
  far.meta(FrameType.HEAD, id, [200, [], 0]);
  await settle();
  sink.exchange.cancel();
  sink.exchange.cancel();
  assert.equal((await far.next(FrameType.CANCEL)).stream, id);
  far.send(FrameType.DATA, id, 'late');
  far.send(FrameType.END, id);
  far.send(FrameType.SETTLED, id);
  await settle();
  assert.deepEqual(sink.heard, ['attach', 'head']);
  assert.equal(sandbox.inFlight, 0);
  assert.deepEqual(events.heard, ['settled well']);
  assert.deepEqual(heard.broken, []);
  assert.equal(far.frames.filter(({ type }) => type === FrameType.CANCEL).length, 1);
});

for (const [how, answer] of [
  ['settles', (far, id) => far.send(FrameType.SETTLED, id)],
  ['answers all the same', (far, id) => far.reply(id, 'late')],
  ['fails', (far, id) => far.meta(FrameType.FAULT, id, ['HANDLER_THREW', 'aborted', null])],
  ['had not begun', (far, id) => far.send(FrameType.NOT_BEGUN, id)],
] as const satisfies readonly (readonly [string, (far: FarEnd, id: number) => void])[]) {
  test(`a cancelled call whose guest ${how} frees its slot and is not run again`, async (t) => {
    const { far, call, sandbox, heard, events, settle } = await setup(t);
    const sink = new RecordingSink();
    const id = await call(sink);
    sink.exchange.cancel();
    answer(far, id);
    await settle();
    assert.deepEqual(sink.heard, ['attach']);
    assert.equal(sandbox.inFlight, 0);
    assert.deepEqual(events.notBegun, []);
    assert.deepEqual(heard.broken, []);
  });
}

test('a slow reader holds the guest back to one window, and gives credit when it has room', async (t) => {
  const { far, call, heard, settle } = await setup(t);
  const sink = new RecordingSink();
  sink.wants = false;
  const id = await call(sink);
  far.meta(FrameType.HEAD, id, [200, [], 0]);
  for (let sent = 0; sent < WINDOW_BYTES; sent += CHUNK_BYTES)
    far.send(FrameType.DATA, id, Buffer.alloc(CHUNK_BYTES, sent / CHUNK_BYTES));
  await settle();
  assert.equal(far.frames.filter(({ type }) => type === FrameType.CREDIT).length, 0);
  sink.wants = true;
  sink.exchange.resume();
  const credit = await far.next(FrameType.CREDIT);
  assert.equal(credit.stream, id);
  assert.equal(readCredit(credit.payload), WINDOW_BYTES);
  far.send(FrameType.DATA, id, Buffer.alloc(CHUNK_BYTES));
  far.send(FrameType.END, id);
  assert.equal(await sink.outcome, 'end');
  assert.equal(sink.text.length, WINDOW_BYTES + CHUNK_BYTES);
  assert.deepEqual(heard.broken, []);
});

test('a body of many windows arrives whole when the guest keeps to its credit', async (t) => {
  const { far, call, heard } = await setup(t);
  const sink = new RecordingSink();
  const id = await call(sink);
  far.meta(FrameType.HEAD, id, [200, [], 0]);
  const total = WINDOW_BYTES * 8;
  let window = WINDOW_BYTES;
  for (let sent = 0; sent < total;) {
    while (window < 10_000) window += readCredit((await far.next(FrameType.CREDIT)).payload);
    const bytes = Math.min(10_000, total - sent);
    far.send(FrameType.DATA, id, Buffer.alloc(bytes, 97));
    sent += bytes;
    window -= bytes;
  }
  far.send(FrameType.END, id);
  assert.equal(await sink.outcome, 'end');
  assert.equal(sink.text.length, total);
  assert.deepEqual(heard.broken, []);
});

test('a streamed request body waits for the guest’s credit', async (t) => {
  const { far, call, settle } = await setup(t);
  const sink = new RecordingSink();
  const id = await call(sink, makeCall({ body: 'stream' }));
  let drained = 0;
  const body = Buffer.alloc(WINDOW_BYTES + CHUNK_BYTES + 5, 98);
  assert.equal(
    sink.exchange.write(body, () => drained++),
    false,
  );
  sink.exchange.endBody();
  const received: Buffer[] = [];
  while (received.length < WINDOW_BYTES / CHUNK_BYTES) received.push((await far.next(FrameType.DATA)).payload);
  await settle();
  assert.equal(drained, 0);
  assert.equal(
    far.frames.filter(({ type }) => type === FrameType.DATA).length,
    received.length,
    'no more than one window is sent',
  );
  far.credit(id, CHUNK_BYTES);
  received.push((await far.next(FrameType.DATA)).payload);
  far.credit(id, CHUNK_BYTES);
  received.push((await far.next(FrameType.DATA)).payload);
  assert.equal((await far.next(FrameType.END)).stream, id);
  assert.equal(drained, 1);
  assert.ok(Buffer.concat(received).equals(body));
});

test('a credit of any size opens no more than one window', async (t) => {
  const { far, call, settle } = await setup(t);
  const sink = new RecordingSink();
  const id = await call(sink, makeCall({ body: 'stream' }));
  for (let i = 0; i < 5; i++) far.credit(id, 0xffff_ffff);
  await settle();
  assert.equal(
    sink.exchange.write(Buffer.alloc(WINDOW_BYTES * 3), () => undefined),
    false,
  );
  await settle();
  const bytes = far.frames
    .filter(({ type }) => type === FrameType.DATA)
    .reduce((sum, { payload }) => sum + payload.length, 0);
  assert.equal(bytes, WINDOW_BYTES);
});

for (const [when, end] of [
  ['the guest has answered', (far, _sink, id) => far.reply(id, 'enough')],
  ['the call has failed', (far, _sink, id) => far.meta(FrameType.FAULT, id, ['HANDLER_THREW', 'x', null])],
  ['the caller has cancelled', (_far, sink) => sink.exchange.cancel()],
] as const satisfies readonly (readonly [string, (far: FarEnd, sink: RecordingSink, id: number) => void])[]) {
  test(`who writes a body is not held back any more when ${when}`, async (t) => {
    const { far, call, settle } = await setup(t);
    const sink = new RecordingSink();
    const id = await call(sink, makeCall({ body: 'stream' }));
    const { promise: drained, resolve } = Promise.withResolvers<void>();
    assert.equal(sink.exchange.write(Buffer.alloc(WINDOW_BYTES * 2), resolve), false);
    end(far, sink, id);
    await drained;
    assert.equal(
      sink.exchange.write(Buffer.alloc(WINDOW_BYTES * 2), () => assert.fail('there is nothing to wait for')),
      true,
    );
    sink.exchange.endBody();
    await settle();
    assert.equal(far.frames.filter(({ type }) => type === FrameType.END).length, 0);
  });
}

test('a call that had not begun is handed back with its sink, after its slot is free', async (t) => {
  const { far, call, events, settle } = await setup(t);
  const sink = new RecordingSink();
  const made = makeCall();
  far.send(FrameType.NOT_BEGUN, await call(sink, made));
  await settle();
  assert.deepEqual(events.heard, ['settled well', 'not begun']);
  assert.deepEqual(events.notBegun, [{ call: made, sink }]);
  assert.deepEqual(sink.heard, ['attach']);
  assert.equal(made.attempts, 1);
});

test('a streamed body can’t be sent twice, so such a call fails when it had not begun', async (t) => {
  const { far, call, events } = await setup(t);
  const sink = new RecordingSink();
  far.send(FrameType.NOT_BEGUN, await call(sink, makeCall({ body: 'stream' })));
  assert.equal(await sink.outcome, 'SANDBOX_RECYCLED');
  assert.deepEqual(events.notBegun, []);
});

test('a sandbox that is gone answers for each of its calls, and is called no more', async (t) => {
  const { far, call, events, sandbox, heard, settle } = await setup(t);
  const [culprit, late] = [new RecordingSink(), new RecordingSink()];
  const [first, second] = [await call(culprit), await call(late)];
  far.meta(FrameType.FAULT, first, ['TIMED_OUT', 'too long', null]);
  far.meta(FrameType.GONE, 1, ['TIMED_OUT', 'too long', null]);
  far.send(FrameType.NOT_BEGUN, second);
  await settle();
  assert.deepEqual(events.heard, ['settled TIMED_OUT', 'gone TIMED_OUT', 'settled well', 'not begun']);
  far.meta(FrameType.GONE, 1, ['TIMED_OUT', 'again', null]);
  far.meta(FrameType.SANDBOX_LOG, 1, ['info', 'late']);
  far.reply(second, 'late');
  await settle();
  assert.deepEqual(late.outcomes, []);
  assert.deepEqual(heard.broken, []);

  const next = new RecordingSink();
  sandbox.invoke(makeCall(), next);
  await settle();
  assert.deepEqual(events.heard.slice(-2), ['settled well', 'not begun']);
  assert.equal(far.frames.filter(({ type }) => type === FrameType.CALL).length, 2);
});

test('a sandbox that the host closes fails what is in flight, and late frames of it are ignored', async (t) => {
  const { far, call, sandbox, heard, events, settle } = await setup(t);
  const sink = new RecordingSink();
  const id = await call(sink);
  sandbox.close();
  sandbox.close();
  assert.deepEqual(sink.outcomes, ['SANDBOX_RECYCLED']);
  assert.equal((await far.next(FrameType.CLOSE)).stream, 1);
  far.reply(id, 'late');
  far.meta(FrameType.LOG, id, ['info', 'late']);
  far.meta(FrameType.GONE, 1, ['SANDBOX_RECYCLED', 'late', null]);
  await settle();
  assert.deepEqual(heard.broken, []);
  assert.deepEqual(sink.outcomes, ['SANDBOX_RECYCLED']);
  assert.deepEqual(events.heard, ['settled SANDBOX_RECYCLED']);
});

test('a call past its deadline and grace has timed out once, and the owner hears of the overrun once', async (t) => {
  const version = makeVersion('slow', { limits: { timeoutMs: 1_000 } });
  const { call, session, heard, events, settle } = await setup(t, version);
  const sink = new RecordingSink();
  await call(sink);
  const now = performance.now();
  session.tick(now + 1_500);
  assert.deepEqual(sink.outcomes, []);
  session.tick(now + 1_700);
  session.tick(now + 5_000);
  assert.deepEqual(sink.outcomes, ['TIMED_OUT']);
  assert.equal(sink.fault?.message, 'Execution timed out after 1s');
  assert.deepEqual(heard.overruns, [version]);
  session.end(new Fault('SANDBOX_RECYCLED', 'killed'));
  await settle();
  assert.deepEqual(sink.outcomes, ['TIMED_OUT']);
  assert.deepEqual(events.heard, ['gone SANDBOX_RECYCLED', 'settled TIMED_OUT']);
});

test('a cancel that the far side ignores is an overrun as well', async (t) => {
  const { call, session, heard } = await setup(t);
  const sink = new RecordingSink();
  await call(sink);
  sink.exchange.cancel();
  session.tick(performance.now() + 31_000);
  assert.equal(heard.overruns.length, 1);
  assert.deepEqual(sink.outcomes, []);
});

test('silence is counted from the first heartbeat that nobody answers', async (t) => {
  const { session, far } = await setup(t);
  assert.equal(session.tick(1_000), 0);
  await far.next(FrameType.PING);
  assert.equal(session.tick(1_700), 700);
  far.send(FrameType.PONG, 0);
  await far.handled();
  assert.equal(session.tick(2_000), 0);
  await far.next(FrameType.PING);
  assert.equal(far.frames.filter(({ type }) => type === FrameType.PING).length, 2);
});

test('end() fails everything in flight once and tells no more of the connection', async (t) => {
  const { call, session, heard, events, sandbox, far, settle } = await setup(t);
  const sinks = [new RecordingSink(), new RecordingSink(), new RecordingSink()];
  const [, second] = [
    await call(sinks[0] as RecordingSink),
    await call(sinks[1] as RecordingSink),
    await call(sinks[2] as RecordingSink),
  ];
  far.meta(FrameType.HEAD, second, [200, [], 0]);
  await settle();
  session.end(new Fault('SANDBOX_RECYCLED', 'killed'));
  session.end(new Fault('INTERNAL', 'again'));
  far.reply(second, 'late');
  await settle();
  for (const { outcomes } of sinks) assert.deepEqual(outcomes, ['SANDBOX_RECYCLED']);
  assert.deepEqual(events.heard, [
    'gone SANDBOX_RECYCLED',
    'settled SANDBOX_RECYCLED',
    'settled SANDBOX_RECYCLED',
    'settled SANDBOX_RECYCLED',
  ]);
  assert.equal(sandbox.inFlight, 0);
  assert.deepEqual(heard.broken, []);
});

test('a call to a session that has ended is handed back, not lost', async (t) => {
  const { session, sandbox, events, settle } = await setup(t);
  session.end(new Fault('SANDBOX_RECYCLED', 'killed'));
  const late = new Events();
  const opened = session.open(makeVersion('late'), late);
  const [sink, cancelled, streamed] = [new RecordingSink(), new RecordingSink(), new RecordingSink()];
  sandbox.invoke(makeCall(), sink);
  opened.invoke(makeCall(), cancelled);
  cancelled.exchange.cancel();
  opened.invoke(makeCall({ body: 'stream' }), streamed);
  assert.equal(opened.inFlight, 2);
  await settle();
  assert.deepEqual(events.heard.slice(-2), ['settled well', 'not begun']);
  assert.deepEqual(late.heard, ['settled well', 'settled SANDBOX_RECYCLED']);
  assert.deepEqual(streamed.outcomes, ['SANDBOX_RECYCLED']);
  assert.equal(opened.inFlight, 0);
});

test('READY is passed on', async (t) => {
  const { far, heard } = await setup(t);
  far.send(FrameType.READY, 0);
  await far.handled();
  assert.ok(heard.ready > 0);
});
