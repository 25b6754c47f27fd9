import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import type { Call } from '../../../src/core/invocation.ts';
import type { Sandbox } from '../../../src/core/tier.ts';
import { CHUNK_BYTES, FrameType, WINDOW_BYTES } from '../../../src/wire/frames.ts';
import { askBody, askNumber, parseMeta } from '../../../src/wire/meta.ts';
import { makeCall, makeVersion, RecordingSink } from '../../support/calls.ts';
import { frame, metaPayload, startSession, type FarEnd, type Rig } from '../../support/far-end.ts';
import { MemoryCapabilities, type MemoryExchange } from '../../support/memory-capabilities.ts';

interface Setup extends Rig {
  readonly capabilities: MemoryCapabilities;
  readonly sandbox: Sandbox;
  readonly sink: RecordingSink;
  readonly call: Call;
  /** The call's id on the wire. */
  readonly id: number;
  /** The exchange of the n-th ask that reached a service. */
  exchange(n?: number): MemoryExchange;
}

async function setup(t: TestContext, offers = true): Promise<Setup> {
  const capabilities = new MemoryCapabilities();
  const rig = await startSession(offers ? capabilities : null);
  t.after(() => rig.close());
  const events = { onSettled: () => undefined, onNotBegun: () => undefined, onGone: () => undefined };
  const sandbox = rig.session.open(makeVersion('f', { limits: { concurrency: 9 } }), events);
  const sink = new RecordingSink();
  const call = makeCall();
  sandbox.invoke(call, sink);
  const id = (await rig.far.next(FrameType.CALL)).stream;
  return {
    ...rig,
    capabilities,
    sandbox,
    sink,
    call,
    id,
    exchange: (n = 0) => capabilities.exchanges[n] as MemoryExchange,
  };
}

const failureOf = async (far: FarEnd): Promise<unknown> => parseMeta((await far.next(FrameType.ANSWER_FAIL)).payload);

test('an ask reaches the service with its call and version, whoever the guest says it is', async (t) => {
  const { far, id, sandbox, call, capabilities, exchange, settle } = await setup(t);
  far.ask(id, 1, { url: 'http://a', tenant: 'another', __proto__: 1 }, 1, 'wörld');
  await settle();
  assert.equal(capabilities.exchanges.length, 1);
  assert.equal(exchange().caller.call, call);
  assert.equal(exchange().caller.version, sandbox.version);
  assert.deepEqual(exchange().call, { kind: 'fetch', meta: { url: 'http://a', tenant: 'another' }, hasBody: true });
  assert.equal(exchange().text, 'wörld');
  assert.equal(exchange().ended, true);
});

test('the answer crosses as a head, data and an end that name the ask', async (t) => {
  const { far, id, exchange, settle } = await setup(t);
  far.ask(id, 7);
  await settle();
  exchange().head({ status: 200 });
  exchange().data(Buffer.from('some'));
  exchange().end();
  const head = await far.next(FrameType.ANSWER_HEAD);
  assert.equal(head.stream, id);
  assert.deepEqual(parseMeta(head.payload), [7, { status: 200 }]);
  const { payload } = await far.next(FrameType.ANSWER_DATA);
  assert.deepEqual([askNumber(payload), askBody(payload).toString()], [7, 'some']);
  assert.equal(askNumber((await far.next(FrameType.ANSWER_END)).payload), 7);
  await settle();
  assert.equal(exchange().cancels, 0);
});

test('asks of one call are answered in any order', async (t) => {
  const { far, id, exchange, settle } = await setup(t);
  for (const number of [1, 2, 3]) far.ask(id, number);
  await settle();
  for (const n of [2, 0, 1]) exchange(n).end();
  const order = [];
  for (let i = 0; i < 3; i++) order.push(askNumber((await far.next(FrameType.ANSWER_END)).payload));
  assert.deepEqual(order, [3, 1, 2]);
});

test('a failure brings its code, its message and its details, and nothing after it', async (t) => {
  const { far, id, exchange, settle } = await setup(t);
  far.ask(id, 1);
  await settle();
  exchange().fail({ code: 'EGRESS_BLOCKED', message: 'no', details: { rule: 'private' } });
  exchange().head({});
  exchange().fail({ code: 'AGAIN', message: '' });
  assert.deepEqual(await failureOf(far), [1, 'EGRESS_BLOCKED', 'no', { rule: 'private' }]);
  await settle();
  assert.deepEqual(
    far.frames.filter(({ type }) => type === FrameType.ANSWER_HEAD),
    [],
  );
});

test('a streamed body is given credit as the service takes it', async (t) => {
  const { far, id, exchange, settle } = await setup(t);
  far.ask(id, 1, {}, 2);
  await settle();
  exchange().hasRoom = false;
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let sent = 0; sent < WINDOW_BYTES; sent += CHUNK_BYTES) far.askFrame(FrameType.ASK_DATA, id, 1, chunk);
  await settle();
  assert.equal(
    far.frames.some(({ type }) => type === FrameType.ANSWER_CREDIT),
    false,
  );
  exchange().drain();
  const { payload } = await far.next(FrameType.ANSWER_CREDIT);
  assert.equal(askNumber(payload), 1);
  assert.equal(askBody(payload).readUInt32LE(0), WINDOW_BYTES);
  far.askFrame(FrameType.ASK_DATA, id, 1, 'the rest');
  far.askFrame(FrameType.ASK_END, id, 1);
  await settle();
  assert.equal(exchange().ended, true);
  assert.equal(Buffer.concat(exchange().chunks).length, WINDOW_BYTES + 8);
});

test('an answer is held at one window until the guest gives credit, of whatever size it says', async (t) => {
  const { far, id, exchange, settle } = await setup(t);
  far.ask(id, 1, { url: 'http://bytes/' });
  await settle();
  const received = (): number =>
    far.frames
      .filter(({ type }) => type === FrameType.ANSWER_DATA)
      .reduce((bytes, { payload }) => bytes + payload.length - 4, 0);
  exchange().stream(WINDOW_BYTES * 4);
  await settle();
  assert.equal(received(), WINDOW_BYTES);
  assert.ok(exchange().sentBytes <= WINDOW_BYTES + CHUNK_BYTES);
  far.askFrame(FrameType.ASK_CREDIT, id, 1, 0xffff_ffff);
  await settle();
  assert.equal(received(), WINDOW_BYTES * 2);
  for (let i = 0; i < 2; i++) far.askFrame(FrameType.ASK_CREDIT, id, 1, WINDOW_BYTES);
  await far.next(FrameType.ANSWER_END);
  assert.equal(received(), WINDOW_BYTES * 4);
});

test('an ask that the guest cancels is cancelled once, and its late frames are ignored', async (t) => {
  const { far, id, exchange, settle, heard } = await setup(t);
  far.ask(id, 1, {}, 2);
  far.askFrame(FrameType.ASK_CANCEL, id, 1);
  far.askFrame(FrameType.ASK_CANCEL, id, 1);
  far.askFrame(FrameType.ASK_DATA, id, 1, 'late');
  far.askFrame(FrameType.ASK_CREDIT, id, 1, 5);
  await settle();
  assert.equal(exchange().cancels, 1);
  exchange().head({});
  exchange().end();
  await settle();
  assert.equal(far.frames.filter(({ type }) => type >= FrameType.ANSWER_HEAD).length, 0);
  assert.deepEqual(heard.broken, []);
});

/** What ends a call, and with it what it has asked for. */
const ENDS: Readonly<Record<string, (setup: Setup) => void>> = {
  'is answered and settled': ({ far, id }) => far.reply(id, 'x'),
  settles: ({ far, id }) => {
    far.reply(id, 'x', 0);
    far.send(FrameType.SETTLED, id);
  },
  fails: ({ far, id }) => far.meta(FrameType.FAULT, id, ['HANDLER_THREW', 'x', null]),
  'is cancelled by its caller': ({ sink }) => sink.exchange.cancel(),
  'is over its time': ({ session }) => void session.tick(performance.now() + 60_000),
  'loses its sandbox': ({ sandbox }) => sandbox.close(),
  'loses its executor': ({ session }) => session.end(new Fault('SANDBOX_RECYCLED', 'it died')),
  'is part of a breach': ({ far }) => far.send(99, 0),
};

for (const [how, end] of Object.entries(ENDS)) {
  test(`when a call ${how}, each of its asks is cancelled once, but for those that are over`, async (t) => {
    const made = await setup(t);
    const { far, id, exchange, settle, session } = made;
    for (const number of [1, 2, 3, 4]) far.ask(id, number, {}, number === 2 ? 2 : 0);
    await settle();
    exchange(2).fail({ code: 'X', message: '' });
    exchange(3).end();
    end(made);
    await far.handled();
    session.end(new Fault('SANDBOX_RECYCLED', 'the end of the test'));
    const cancels = [0, 1, 2, 3].map((n) => exchange(n).cancels);
    assert.deepEqual(cancels, [1, 1, 0, 0]);
  });
}

test('a call that nobody waits for any more may begin nothing', async (t) => {
  const { far, id, sink, settle, capabilities, heard } = await setup(t);
  sink.exchange.cancel();
  far.ask(id, 1);
  assert.deepEqual(await failureOf(far), [1, 'CANCELLED', 'the invocation is over', {}]);
  far.send(FrameType.SETTLED, id);
  far.ask(id, 2);
  far.askFrame(FrameType.ASK_DATA, id, 2, 'x');
  await settle();
  assert.equal(capabilities.exchanges.length, 0);
  assert.deepEqual(heard.broken, []);
});

test('a call that has answered may go on asking until it settles', async (t) => {
  const { far, id, settle, exchange, capabilities } = await setup(t);
  far.ask(id, 1);
  far.reply(id, 'early', 0);
  far.ask(id, 2);
  await settle();
  assert.equal(capabilities.exchanges.length, 2);
  assert.equal(exchange(0).cancels, 0);
});

/** As the versions of these tests have it. */
const { openStreams } = makeVersion('f').limits;

test('more asks than may be open at once are refused, and there is room again when one is over', async (t) => {
  const { far, id, settle, exchange, capabilities, heard } = await setup(t);
  for (let number = 1; number <= openStreams + 1; number++) far.ask(id, number, {}, 2);
  assert.deepEqual(await failureOf(far), [
    openStreams + 1,
    'TOO_MANY_REQUESTS',
    `more than ${openStreams} requests of one invocation are open at once`,
    { limit: `open-streams=${openStreams}` },
  ]);
  far.askFrame(FrameType.ASK_DATA, id, openStreams + 1, 'under way');
  exchange().end();
  far.ask(id, openStreams + 2);
  await settle();
  assert.equal(capabilities.exchanges.length, openStreams + 1);
  assert.deepEqual(heard.broken, []);
});

test('a host without capabilities refuses, and one whose service throws says so', async (t) => {
  const without = await setup(t, false);
  without.far.ask(without.id, 1);
  assert.deepEqual(await failureOf(without.far), [1, 'UNAVAILABLE', 'this host offers no capabilities', {}]);
  const { far, id, capabilities, heard } = await setup(t);
  capabilities.start = () => {
    throw new Error('a bug of ours');
  };
  far.ask(id, 1, {}, 1, 'body');
  assert.deepEqual(await failureOf(far), [1, 'INTERNAL', 'the host failed to begin it', {}]);
  assert.deepEqual(heard.broken, []);
});

test('a service that throws when it is cancelled does not keep the others from it', async (t) => {
  const { far, id, settle, exchange } = await setup(t);
  far.ask(id, 1);
  far.ask(id, 2);
  await settle();
  exchange(0).cancel = () => {
    throw new Error('a bug of ours');
  };
  far.reply(id, 'x');
  await settle();
  assert.equal(exchange(1).cancels, 1);
});

/** What no honest guest says about what it asks for. */
const BREACHES: Readonly<Record<string, (far: FarEnd, id: number) => void>> = {
  'an ask of a call that was never made': (far, id) => far.ask(id + 70, 1),
  'an ask of call 0': (far) => far.ask(0, 1),
  'a number a second time': (far, id) => {
    far.ask(id, 2);
    far.ask(id, 2);
  },
  'a number below the last': (far, id) => {
    far.ask(id, 2);
    far.ask(id, 1);
  },
  'the number 0': (far, id) => far.ask(id, 0),
  'a number with a fraction': (far, id) => far.ask(id, 1.5),
  'a number beyond 32 bits': (far, id) => far.ask(id, 2 ** 32),
  'a number that is text': (far, id) => far.meta(FrameType.ASK, id, '["1","fetch",0,{}]'),
  'no number': (far, id) => far.meta(FrameType.ASK, id, '[]'),
  'an ask that is no list': (far, id) => far.meta(FrameType.ASK, id, '{"0":1}'),
  'an ask that is not JSON': (far, id) => far.meta(FrameType.ASK, id, '[1,'),
  'an ask of no kind': (far, id) => far.meta(FrameType.ASK, id, '[1,null,0,{}]'),
  'an ask of an endless kind': (far, id) => far.meta(FrameType.ASK, id, JSON.stringify([1, 'x'.repeat(65), 0, {}])),
  'a fourth kind of body': (far, id) => far.meta(FrameType.ASK, id, '[1,"fetch",3,{}]'),
  'data of an ask that was never made': (far, id) => far.askFrame(FrameType.ASK_DATA, id, 1, 'x'),
  'data where it said that there is none': (far, id) => {
    far.ask(id, 1);
    far.askFrame(FrameType.ASK_DATA, id, 1, 'x');
  },
  'data after the end': (far, id) => {
    far.ask(id, 1, {}, 2);
    far.askFrame(FrameType.ASK_END, id, 1);
    far.askFrame(FrameType.ASK_DATA, id, 1, 'x');
  },
  'a second end': (far, id) => {
    far.ask(id, 1, {}, 2);
    far.askFrame(FrameType.ASK_END, id, 1);
    far.askFrame(FrameType.ASK_END, id, 1);
  },
  'data without credit': (far, id) => {
    far.ask(id, 1, {}, 2);
    for (let sent = 0; sent <= WINDOW_BYTES * 3; sent += CHUNK_BYTES)
      far.askFrame(FrameType.ASK_DATA, id, 1, Buffer.alloc(CHUNK_BYTES));
  },
  'a credit without bytes': (far, id) => {
    far.ask(id, 1);
    far.askFrame(FrameType.ASK_CREDIT, id, 1);
  },
  'a cancel with bytes': (far, id) => {
    far.ask(id, 1);
    far.askFrame(FrameType.ASK_CANCEL, id, 1, 'x');
  },
  'a frame without the ask’s number': (far, id) => far.send(FrameType.ASK_END, id, 'abc'),
  'a frame that only the host may send': (far, id) => far.askFrame(FrameType.ANSWER_END, id, 1),
  'that a call which asked had not begun': (far, id) => {
    far.ask(id, 1);
    far.send(FrameType.NOT_BEGUN, id);
  },
};

for (const [what, say] of Object.entries(BREACHES)) {
  test(`a far side that says ${what} is ended, and what it asked for is cancelled`, async (t) => {
    const { far, id, broken, capabilities, sink, sandbox } = await setup(t);
    // A service that takes nothing, so that no credit is given.
    capabilities.serve = (exchange) => void (exchange.hasRoom = false);
    say(far, id);
    await broken;
    assert.equal(await sink.outcome, 'SANDBOX_RECYCLED');
    assert.equal(sandbox.inFlight, 0);
    for (const { cancels } of capabilities.exchanges) assert.equal(cancels, 1);
  });
}

test('a guest that asks and asks and never listens is ended before the refusals pile up', async (t) => {
  const { far, id, broken } = await setup(t, false);
  far.deaf();
  far.raw(manyAsks(id, 400_000));
  assert.match(await broken, /without a look at the answers/);
});

/** All in one buffer; their numbers have seven digits, so that the frames differ in these alone. */
function manyAsks(call: number, count: number): Buffer {
  const first = 1_000_000;
  const template = frame(FrameType.ASK, call, metaPayload(`[${first},"fetch",0,0]`));
  const digits = template.indexOf(`${first}`);
  const all = Buffer.alloc(template.length * count);
  for (let i = 0; i < count; i++) {
    template.copy(all, i * template.length);
    all.write(`${first + i}`, i * template.length + digits, 'latin1');
  }
  return all;
}
