import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { FunctionVersion } from '../../../../src/core/function.ts';
import type { Call, ResponseSink } from '../../../../src/core/invocation.ts';
import type { Executor } from '../../../../src/core/tier.ts';
import { Supervisor } from '../../../../src/supervisor/supervisor.ts';
import type { RemoteTier } from '../../../../src/tiers/remote/remote-tier.ts';
import { makeCall, makeVersion, RecordingSink } from '../../../support/calls.ts';
import { startScriptedService } from '../../../support/executor-service.ts';
import { remoteTierAt } from '../../../support/remote-tier.ts';
import { OpenSandbox } from '../../../support/sandbox.ts';

describe('several remotes', () => {
  const closing: (() => Promise<unknown>)[] = [];
  after(async () => {
    for (const close of closing.reverse()) await close();
  });

  function tierAt(urls: readonly string[], report: (line: string) => void = () => undefined): RemoteTier {
    const tier = remoteTierAt(urls, undefined, { report });
    closing.push(() => tier.close());
    return tier;
  }

  async function service(script: Parameters<typeof startScriptedService>[0] = {}) {
    const started = await startScriptedService(script);
    closing.push(() => started.die());
    return started;
  }

  const callsOf = (executor: Executor): OpenSandbox =>
    new OpenSandbox(executor, makeVersion('f', { tier: 'remote', limits: { concurrency: 64 } }));

  test('streams are spread over them, and the one with less to do is taken', async () => {
    const waiting: ResponseSink[] = [];
    const [a, b] = await Promise.all([
      service({ invoke: (_version, _call, sink) => waiting.push(sink) }),
      service({ invoke: (_version, _call, sink) => waiting.push(sink) }),
    ]);
    const tier = tierAt([a.url, b.url]);
    const first = await tier.spawn();
    const second = await tier.spawn();
    const one = callsOf(first).start({});
    const two = callsOf(first).start({});
    const three = callsOf(second).start({});
    // The second has fewer calls, so that it gets the next two streams, though it has as many of them by then.
    const third = await tier.spawn();
    const fourth = callsOf(third).start({});
    while (waiting.length < 4) await new Promise(setImmediate);
    assert.equal(a.versions.length, 2);
    assert.equal(b.versions.length, 2);
    for (const sink of waiting) sink.complete(200, [], Buffer.from(''));
    await Promise.all([one, two, three, fourth].map(({ outcome }) => outcome));
  });

  test('one that dies is taken out at once, and comes back when it is healthy', { timeout: 30_000 }, async () => {
    const lines: string[] = [];
    const { promise: back, resolve } = Promise.withResolvers<void>();
    const [a, b] = await Promise.all([service(), service()]);
    const tier = tierAt([a.url, b.url], (line) => {
      lines.push(line);
      if (line.includes(`${a.url} is healthy`) && lines.some((other) => other.includes('is out'))) resolve();
    });
    const kept = [await tier.spawn(), await tier.spawn()];
    await a.die();
    for (let i = 0; i < 4; i++) assert.equal((await callsOf(await tier.spawn()).call()).body, 'f');
    assert.equal(b.versions.length, 4);
    assert.equal(kept.filter((executor) => executor.usage() === null).length, 1);
    const again = await service({ port: Number(new URL(a.url).port) });
    await back;
    for (let i = 0; i < 6; i++) await callsOf(await tier.spawn()).call();
    assert.ok(again.versions.length > 0);
  });

  test('where all of them are away, it says of each why', async () => {
    const a = await service();
    await a.die();
    const tier = tierAt([a.url]);
    await assert.rejects(
      tier.spawn(),
      (error: Error) => error.message.includes(a.url) && /ECONNREFUSED/.test(error.message),
    );
    const probe = await tier.probe();
    assert.ok(probe.works);
    assert.match(probe.detail, /does not answer now/);
    assert.equal((await tier.unreachable()).length, 1);
  });

  test('an executor that was started anew is found under its new name', async () => {
    const a = await service();
    const tier = tierAt([a.url]);
    await (await tier.spawn()).kill('the test says so');
    await a.die();
    await service({ port: Number(new URL(a.url).port) });
    assert.equal((await callsOf(await tier.spawn()).call()).body, 'f');
  });

  test(
    'calls that had not begun when one of two was killed are answered by the other',
    { timeout: 60_000 },
    async () => {
      const answer = (version: FunctionVersion, call: Call, sink: ResponseSink): void => {
        setTimeout(() => {
          sink.complete(200, [], Buffer.from(version.name));
          call.settled?.();
        }, 20);
      };
      const [a, b] = await Promise.all([service({ invoke: answer }), service({ invoke: answer })]);
      const tier = tierAt([a.url, b.url]);
      const supervisor = supervisorOf(tier);
      closing.push(() => supervisor.close(1_000));
      await supervisor.start();
      const version = makeVersion('f', { tier: 'remote', limits: { concurrency: 1 } });
      const calls = Array.from({ length: 200 }, () => ({ call: makeCall(), sink: new RecordingSink() }));
      for (const { call, sink } of calls) supervisor.invoke(version, call, sink);
      while (a.versions.length + b.versions.length < 20) await new Promise(setImmediate);
      const [dying, other] = a.versions.length > 0 ? [a, b] : [b, a];
      await dying.die();
      await Promise.all(calls.map(({ sink }) => sink.outcome));
      const lost = calls.filter(({ sink }) => sink.fault !== null);
      assert.deepEqual(new Set(lost.map(({ sink }) => sink.fault?.code)), new Set(['SANDBOX_RECYCLED']));
      // What had been sent may have begun; what waited had not.
      assert.ok(lost.length <= MAX_SANDBOXES && lost.every(({ call }) => call.attempts === 1));
      assert.ok(other.versions.length > 100, `${other.versions.length} were answered by the other`);
      assert.deepEqual(supervisor.quarantineOf('acme', 'f'), [], 'a host that died was held against a function');
    },
  );

  test(
    'one that is told to stop gives back what has not begun, and finishes what has',
    { timeout: 60_000 },
    async () => {
      const finish: (() => void)[] = [];
      const [a, b] = await Promise.all([
        service({
          invoke: (_version, call, sink) =>
            finish.push(() => {
              sink.complete(200, [], Buffer.from('finished'));
              call.settled?.();
            }),
        }),
        service(),
      ]);
      const tier = tierAt([a.url, b.url]);
      const supervisor = supervisorOf(tier);
      closing.push(() => supervisor.close(1_000));
      await supervisor.start();
      const version = makeVersion('f', { tier: 'remote', limits: { concurrency: 64 } });
      const first = new RecordingSink();
      supervisor.invoke(version, makeCall(), first);
      while (a.versions.length + b.versions.length < 1) await new Promise(setImmediate);
      assert.equal(a.versions.length, 1);
      a.service.drain();
      while (supervisor.cordons.some(({ closed }) => !closed)) await new Promise(setImmediate);
      const second = new RecordingSink();
      supervisor.invoke(version, makeCall(), second);
      await second.outcome;
      assert.equal(second.text, 'f');
      finish.forEach((end) => end());
      await first.outcome;
      assert.equal(first.text, 'finished');
    },
  );
});

/** Sandboxes of one version that serves one call at a time. */
const MAX_SANDBOXES = 32;

function supervisorOf(tier: RemoteTier): Supervisor {
  return new Supervisor({
    tiers: [tier],
    whyNot: () => '',
    logs: { write: () => undefined },
    poolSize: 1,
    executorMemoryMb: 512,
    hostMemoryMb: 4_096,
    tenantConcurrency: () => Infinity,
    report: () => undefined,
  });
}
