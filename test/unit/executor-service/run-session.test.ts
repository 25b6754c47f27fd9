import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import type { FunctionVersion } from '../../../src/core/function.ts';
import type { Call, Exchange, ResponseSink } from '../../../src/core/invocation.ts';
import { OPERATOR } from '../../../src/core/principal.ts';
import type { Executor } from '../../../src/core/tier.ts';
import type { RemoteTier } from '../../../src/tiers/remote/remote-tier.ts';
import { makeVersion } from '../../support/calls.ts';
import { startScriptedService } from '../../support/executor-service.ts';
import { remoteTierAt } from '../../support/remote-tier.ts';
import { NOT_BEGUN, OpenSandbox } from '../../support/sandbox.ts';

type Invoke = (version: FunctionVersion, call: Call, sink: ResponseSink) => void;

describe('a stream from another host', () => {
  const closing: (() => Promise<unknown>)[] = [];
  after(async () => {
    for (const close of closing.reverse()) await close();
  });

  async function connect(invoke?: Invoke) {
    const service = await startScriptedService(invoke === undefined ? {} : { invoke });
    const tier: RemoteTier = remoteTierAt([service.url]);
    closing.push(
      () => service.die(),
      () => tier.close(),
    );
    return { service, executor: await tier.spawn() };
  }

  const open = (executor: Executor, change: Parameters<typeof makeVersion>[1] = {}): OpenSandbox =>
    new OpenSandbox(executor, makeVersion('f', { tier: 'remote', ...change }));

  const answer = (sink: ResponseSink, call: Call, body = ''): void => {
    sink.complete(200, [], Buffer.from(body));
    call.settled?.();
  };

  const exchange = (change: Partial<Exchange>): Exchange => ({
    running: true,
    write: () => true,
    endBody: () => undefined,
    resume: () => undefined,
    cancel: () => undefined,
    ...change,
  });

  test('code crosses once, however many sandboxes have it, and calls may come before it', async () => {
    const { service, executor } = await connect();
    const artifact = {
      format: 'script' as const,
      code: Buffer.from('1'.repeat(200_000)),
      cache: null,
      interleaves: true,
    };
    const sandboxes = [1, 2, 3].map(() => open(executor, { artifact }));
    await Promise.all(sandboxes.map((sandbox) => sandbox.call()));
    await open(executor, { artifact }).call();
    const arrived = new Set(service.versions.map((version) => version.artifact));
    assert.deepEqual([service.versions.length, arrived.size], [4, 1]);
    assert.deepEqual([...arrived][0]?.code, artifact.code);
  });

  test('where the sandbox that asked for the code is closed, another one asks', async () => {
    const { service, executor } = await connect();
    const artifact = {
      format: 'script' as const,
      code: Buffer.from('2'.repeat(1_000)),
      cache: null,
      interleaves: true,
    };
    const [first, ...others] = [1, 2, 3].map(() => open(executor, { artifact }));
    first?.sandbox.close();
    others[0]?.sandbox.close();
    assert.equal((await others[1]!.call()).body, 'f');
    assert.equal(service.versions.length, 1);
  });

  test('each sandbox is a version of its own, and is given up when it is closed', async () => {
    const { service, executor } = await connect();
    const [one, two] = [open(executor), open(executor)];
    await Promise.all([one.call(), two.call()]);
    assert.notEqual(service.versions[0], service.versions[1]);
    one.sandbox.close();
    while (service.retired.length < 1) await new Promise(setImmediate);
    assert.equal(service.retired[0], service.versions[0]);
    await executor.kill('the test says so');
    while (service.retired.length < 2) await new Promise(setImmediate);
  });

  test('a call arrives with who calls, and what it is', async () => {
    const calls: Call[] = [];
    const { executor } = await connect((_version, call, sink) => {
      calls.push(call);
      answer(sink, call);
    });
    const opened = open(executor);
    const principal = { ...OPERATOR, role: 'user', id: 'u', email: 'a@b.c', roles: ['editor'] } as const;
    await opened.call({
      id: 'one',
      principal,
      method: 'POST',
      url: 'http://x/y',
      headers: ['a', 'b'],
      body: Buffer.from('body'),
      query: { q: 1 },
    });
    await opened.call({ upgrades: true, body: 'stream' });
    const [first, second] = calls;
    assert.deepEqual(
      [first?.id, first?.method, first?.url, first?.headers, String(first?.body), first?.query, first?.upgrades],
      ['one', 'POST', 'http://x/y', ['a', 'b'], 'body', { q: 1 }, false],
    );
    assert.deepEqual(first?.principal, {
      role: 'user',
      tenant: 'acme',
      id: 'u',
      email: 'a@b.c',
      roles: ['editor'],
      claims: null,
    });
    assert.deepEqual([second?.upgrades, second?.body, second?.principal.role], [true, 'stream', 'anonymous']);
  });

  test('faults of the platform keep their code, and those of a guest are not made into them', async () => {
    const codes = ['QUARANTINED', 'OVERLOADED', 'THROTTLED', 'TIMED_OUT', 'OUT_OF_MEMORY', 'HANDLER_THREW'] as const;
    const left = [...codes];
    const { executor } = await connect((_version, _call, sink) => sink.fail(new Fault(left.shift()!, 'because')));
    const opened = open(executor);
    for (const code of codes) {
      const fault = await opened.fault();
      assert.deepEqual([fault.code, fault.message], [code, 'because']);
      assert.equal(fault.details.retryAfterSeconds, fault.retry ? 1 : undefined);
    }
  });

  test('what had not begun there is given back, and what had begun is not', async () => {
    const faults: [begun: boolean, fault: Fault][] = [
      [false, new Fault('SHUTTING_DOWN', 'it stops')],
      [true, new Fault('SANDBOX_RECYCLED', 'before it began', { begun: false })],
      [true, new Fault('SANDBOX_RECYCLED', 'in the middle')],
    ];
    const { executor } = await connect((_version, _call, sink) => {
      const [begun, fault] = faults.shift()!;
      if (begun) sink.attach(exchange({}));
      sink.fail(fault);
    });
    const opened = open(executor);
    await assert.rejects(opened.call(), new RegExp(NOT_BEGUN));
    await assert.rejects(opened.call(), new RegExp(NOT_BEGUN));
    assert.equal((await opened.fault()).message, 'in the middle');
  });

  test('a call that nothing ends is over when its time is', { timeout: 30_000 }, async () => {
    let cancelled = false;
    const { executor } = await connect((_version, _call, sink) =>
      sink.attach(exchange({ cancel: () => (cancelled = true) })),
    );
    const fault = await open(executor, { limits: { timeoutMs: 50 } }).fault();
    assert.deepEqual([fault.code, fault.message], ['TIMED_OUT', 'Execution timed out after 0.05s']);
    assert.ok(cancelled);
  });

  test('a cancel ends a call that waits at once, and one that runs when it has settled', async () => {
    const calls: Call[] = [];
    const { promise: heard, resolve } = Promise.withResolvers<void>();
    const { executor } = await connect((_version, call, sink) => {
      calls.push(call);
      sink.attach(exchange({ running: calls.length > 1, ...(calls.length > 1 ? { cancel: resolve } : {}) }));
    });
    const opened = open(executor);
    const waiting = opened.start({});
    while (calls.length < 1) await new Promise(setImmediate);
    const first = opened.nextSettled();
    waiting.exchange.cancel();
    await first;
    const running = opened.start({});
    while (calls.length < 2) await new Promise(setImmediate);
    running.exchange.cancel();
    await heard;
    assert.equal(opened.sandbox.inFlight, 1);
    const second = opened.nextSettled();
    calls[1]?.settled?.();
    await second;
    assert.equal(opened.sandbox.inFlight, 0);
  });

  test('a streamed body waits for whoever takes it, and its end comes last', async () => {
    const taken: string[] = [];
    const { promise: started, resolve } = Promise.withResolvers<() => void>();
    const { executor } = await connect((_version, call, sink) => {
      sink.attach(exchange({ running: false }));
      resolve(() =>
        sink.attach(
          exchange({
            write: (chunk) => (taken.push(Buffer.from(chunk).toString()), true),
            endBody: () => answer(sink, call, taken.join('')),
          }),
        ),
      );
    });
    const opened = open(executor);
    const sink = opened.start({ method: 'POST', body: 'stream' });
    sink.exchange.write(Buffer.from('early '), () => undefined);
    const begin = await started;
    sink.exchange.write(Buffer.from('late'), () => undefined);
    sink.exchange.endBody();
    await new Promise((turn) => setTimeout(turn, 50));
    assert.deepEqual(taken, []);
    begin();
    await sink.outcome;
    assert.equal(sink.text, 'early late');
  });

  test('an answer that is read late is sent to its end before its slot is free', async () => {
    const { executor } = await connect((_version, call, sink) => {
      sink.attach(exchange({}));
      sink.head(200, []);
      sink.data(Buffer.alloc(1_000_000, 'x'));
      sink.end();
      call.settled?.();
    });
    const opened = open(executor);
    const sink = opened.start({});
    sink.wants = false;
    const { promise: held, resolve } = Promise.withResolvers<void>();
    sink.onHeard = () => sink.chunks.length > 0 && resolve();
    await held;
    assert.equal(opened.sandbox.inFlight, 1);
    const settled = opened.nextSettled();
    sink.wants = true;
    sink.exchange.resume();
    await sink.outcome;
    await settled;
    assert.equal(sink.text.length, 1_000_000);
  });

  test('an answer with a head as large as a frame crosses', async () => {
    const { executor } = await connect((_version, call, sink) => {
      sink.complete(200, ['x-long', 'x'.repeat(400_000)], Buffer.alloc(64_000, 'y'));
      call.settled?.();
    });
    const { headers, body } = await open(executor).call();
    assert.deepEqual([headers[1]?.length, body.length], [400_000, 64_000]);
  });
});
