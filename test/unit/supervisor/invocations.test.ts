import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import type { FunctionVersion } from '../../../src/core/function.ts';
import type { Call, Exchange, ResponseSink } from '../../../src/core/invocation.ts';
import { OPERATOR, SYSTEM } from '../../../src/core/principal.ts';
import type { InvocationRequest, Invocations } from '../../../src/core/whole-invocation.ts';
import { createInvocations } from '../../../src/supervisor/invocations.ts';
import { Supervisor } from '../../../src/supervisor/supervisor.ts';
import { makeVersion } from '../../support/calls.ts';
import { MemoryTier } from '../../support/memory-tier.ts';

const REQUEST: InvocationRequest = {
  principal: SYSTEM,
  cause: 'invoke',
  method: 'POST',
  url: 'http://localhost/fn/hello',
  headers: ['content-type', 'application/json'],
  body: Buffer.from('{}'),
  reply: 'http',
  fresh: false,
};

const redact = (version: FunctionVersion, text: string): string => text.replaceAll(version.secrets[0]!, '[redacted]');

const versionOf = (name: string, options: Parameters<typeof makeVersion>[1] = {}): FunctionVersion =>
  makeVersion(name, { secrets: [], ...options });

/** An invoker whose runs the test plays. */
function played(play: (sink: ResponseSink, call: Call, version: FunctionVersion) => void): {
  invocations: Invocations;
  cancelled: string[];
} {
  const cancelled: string[] = [];
  let count = 0;
  const invocations = createInvocations({
    nextId: () => `i-${++count}`,
    shown: redact,
    invoker: {
      invoke(version, call, sink) {
        const exchange: Exchange = {
          running: true,
          write: () => true,
          endBody: () => undefined,
          resume: () => undefined,
          cancel: () => void cancelled.push(call.id),
        };
        sink.attach(exchange);
        play(sink, call, version);
      },
    },
  });
  return { invocations, cancelled };
}

const line = (message: string): { level: 'info'; message: string; timeMs: number } => ({
  level: 'info',
  message,
  timeMs: 1,
});

async function supervised(t: TestContext): Promise<{ tier: MemoryTier; invocations: Invocations }> {
  const tier = new MemoryTier();
  const supervisor = new Supervisor({
    tiers: [tier],
    logs: { write: () => undefined },
    whyNot: () => 'it is not installed',
    poolSize: 2,
    executorMemoryMb: 512,
    hostMemoryMb: 4096,
    tenantConcurrency: () => 40,
    report: () => undefined,
  });
  t.after(() => supervisor.close(0));
  await supervisor.start();
  let count = 0;
  return { tier, invocations: createInvocations({ invoker: supervisor, nextId: () => `s-${++count}`, shown: redact }) };
}

test('a run brings its response, its lines and how long it took', async () => {
  const { invocations } = played((sink) => {
    sink.log?.(line('one'));
    sink.head(201, ['x', 'y']);
    sink.data(Buffer.from('he'));
    sink.data(Buffer.from('llo'));
    sink.end();
    sink.log?.(line('too late'));
  });
  const { id, outcome } = invocations.run(versionOf('hello'), REQUEST);
  const { response, fault, logs, durationMs, ...rest } = await outcome;
  assert.deepEqual(rest, { id });
  assert.equal(fault, null);
  assert.deepEqual([response?.status, response?.headers, String(response?.body)], [201, ['x', 'y'], 'hello']);
  assert.deepEqual(
    logs.map(({ message }) => message),
    ['one'],
  );
  assert.ok(durationMs >= 0);
});

test('a run that fails brings its fault and the lines until then', async () => {
  const { invocations } = played((sink) => {
    sink.log?.(line('so far'));
    sink.fail(new Fault('TIMED_OUT', 'Execution timed out after 30s'));
  });
  const { response, fault, logs } = await invocations.run(versionOf('hello'), REQUEST).outcome;
  assert.deepEqual([response, fault?.code, logs.length], [null, 'TIMED_OUT', 1]);
});

test('what the far side sends beyond the limits is not kept, and ends the run', async () => {
  const limits = { responseBytes: 10, logBytes: 8 };
  const { invocations, cancelled } = played((sink) => {
    for (let i = 0; i < 5; i++) sink.log?.(line('1234'));
    sink.head(200, []);
    for (let i = 0; i < 5; i++) sink.data(Buffer.from('12345'));
    sink.end();
  });
  const { fault, logs } = await invocations.run(versionOf('hello', { limits }), REQUEST).outcome;
  assert.deepEqual([fault?.code, logs.length, cancelled], ['RESPONSE_TOO_LARGE', 2, ['i-1']]);

  const whole = played((sink) => sink.complete(200, [], Buffer.alloc(11)));
  assert.equal(
    (await whole.invocations.run(versionOf('hello', { limits }), REQUEST).outcome).fault?.code,
    'RESPONSE_TOO_LARGE',
  );
});

test('a body over the limit of the version reaches no sandbox', async () => {
  const { invocations } = played(() => assert.fail('it ran'));
  const version = versionOf('hello', { limits: { requestBytes: 1 } });
  assert.equal((await invocations.run(version, REQUEST).outcome).fault?.code, 'BODY_TOO_LARGE');
});

test('a run that is cancelled has an outcome too, once', async () => {
  const { invocations, cancelled } = played(() => undefined);
  const run = invocations.run(versionOf('hello'), REQUEST);
  run.cancel();
  run.cancel();
  assert.equal((await run.outcome).fault?.code, 'CANCELLED');
  assert.deepEqual(cancelled, ['i-1']);

  const over = played((sink) => sink.complete(200, [], Buffer.from('x')));
  const answered = over.invocations.run(versionOf('hello'), REQUEST);
  answered.cancel();
  assert.equal((await answered.outcome).response?.status, 200);
  assert.deepEqual(over.cancelled, []);
});

test('a fresh run never meets the sandboxes that serve requests, nor another fresh run', async (t) => {
  const { tier, invocations } = await supervised(t);
  const version = versionOf('hello');
  const serving = invocations.run(version, REQUEST);
  const fresh = [1, 2].map(() => invocations.run(version, { ...REQUEST, fresh: true }));
  const calls = await tier.running('hello', 3);
  assert.equal(new Set(calls.map(({ sandbox }) => sandbox)).size, 3);
  assert.equal(new Set(calls.map(({ sandbox }) => sandbox.version.key)).size, 3);
  for (const call of calls) {
    assert.equal(call.sandbox.version.ephemeral, call.call.id !== serving.id);
    call.reply('ok');
  }
  for (const { outcome } of [serving, ...fresh]) assert.equal(String((await outcome).response?.body), 'ok');
  const again = invocations.run(version, REQUEST);
  const [call] = await tier.running('hello');
  assert.equal(call?.sandbox, calls.find(({ call: { id } }) => id === serving.id)?.sandbox);
  call?.reply('again');
  assert.equal(String((await again.outcome).response?.body), 'again');
});

test("an administrator's run has an executor of its own", async (t) => {
  const { tier, invocations } = await supervised(t);
  const version = versionOf('hello');
  const runs = [REQUEST, { ...REQUEST, principal: OPERATOR }].map((request) => invocations.run(version, request));
  const calls = await tier.running('hello', 2);
  assert.equal(new Set(calls.map(({ sandbox }) => sandbox.executor)).size, 2);
  for (const call of calls) call.reply();
  await Promise.all(runs.map(({ outcome }) => outcome));
});

test('a secret is in no line and in no error', async () => {
  const { invocations } = played((sink) => {
    sink.log?.(line('it is hunter2'));
    sink.fail(new Fault('HANDLER_THREW', 'bad: hunter2', { stack: 'Error: hunter2' }));
  });
  const { fault, logs } = await invocations.run(versionOf('hello', { secrets: ['hunter2'] }), REQUEST).outcome;
  assert.deepEqual(
    [fault?.message, fault?.details.stack, logs[0]?.message],
    ['bad: [redacted]', 'Error: [redacted]', 'it is [redacted]'],
  );
});
