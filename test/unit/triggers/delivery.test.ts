import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import type { FunctionRecord } from '../../../src/core/function-record.ts';
import type { FunctionVersion } from '../../../src/core/function.ts';
import type { LogEntry } from '../../../src/core/invocation.ts';
import type { LeasedJob, NewJob } from '../../../src/core/queue.ts';
import type { InvocationOutcome, InvocationRequest } from '../../../src/core/whole-invocation.ts';
import { tickJob, manualJob } from '../../../src/triggers/cron-job.ts';
import { newState } from '../../../src/triggers/cron-scheduler.ts';
import { createDeliver } from '../../../src/triggers/delivery.ts';
import { jobsOfEvent } from '../../../src/triggers/event-job.ts';
import type { Verdict } from '../../../src/triggers/verdict.ts';
import { makeVersion } from '../../support/calls.ts';
import { MemoryCron } from '../../support/memory-cron.ts';

const OK: Partial<InvocationOutcome> = { response: { status: 200, headers: [], body: Buffer.from('') }, fault: null };

/** A host on which a test says what there is and how runs end. */
class Host {
  version: FunctionVersion | null = makeVersion('hello');
  record: Partial<FunctionRecord> | null = null;
  outcome: Partial<InvocationOutcome> | Promise<Partial<InvocationOutcome>> = OK;
  isSuspended = false;
  readonly cron = new MemoryCron();
  readonly requests: InvocationRequest[] = [];
  readonly lines: LogEntry[] = [];
  readonly reported: string[] = [];
  cancelled = 0;
  nowMs = 1_000_000;

  start(job: LeasedJob): ReturnType<ReturnType<typeof createDeliver>> {
    return createDeliver({
      versionOf: () => this.version,
      functions: { find: () => Promise.resolve(this.record as FunctionRecord | null) },
      invocations: {
        run: (_version, request) => {
          this.requests.push(request);
          const outcome = Promise.resolve(this.outcome).then((ended): InvocationOutcome => ({
            id: 'run-1',
            response: null,
            fault: null,
            logs: [],
            durationMs: 1,
            ...ended,
          }));
          return { id: 'run-1', outcome, cancel: () => void (this.cancelled += 1) };
        },
      },
      cron: this.cron,
      logs: { write: (_version, _invocation, entry) => void this.lines.push(entry) },
      isSuspended: () => this.isSuspended,
      report: (text) => void this.reported.push(text),
      nowMs: () => this.nowMs,
    })(job);
  }

  deliver(job: LeasedJob): Promise<Verdict> {
    return this.start(job).verdict;
  }
}

const leased = (job: NewJob, attempts = 1): LeasedJob => ({ ...job, attempts, addedMs: 0, lease: 'l' });

const eventJob = (changes: Partial<Parameters<typeof jobsOfEvent>[0]> = {}): LeasedJob => {
  const event = {
    tenant: 'acme',
    id: 'e1',
    source: null,
    channel: 'items:posts:created',
    key: null,
    hops: 0,
    timeMs: Date.parse('2026-01-01T00:00:00Z'),
    runAtMs: 0,
    data: '{"id":1}',
    ...changes,
  };
  return leased(jobsOfEvent(event, [{ tenant: 'acme', name: 'hello', pattern: '**' }], 8)[0]!);
};

test('an event is a POST of { event, data } as the system, with the headers of CloudEvents', async () => {
  const host = new Host();
  assert.deepEqual(await host.deliver(eventJob({ hops: 3, key: 'post 1 “ä”%', source: '/cms' })), { kind: 'done' });
  const { principal, body, headers, ...rest } = host.requests[0]!;
  assert.deepEqual(rest, {
    cause: 'event',
    method: 'POST',
    url: 'http://localhost/fn/hello',
    reply: 'http',
    fresh: false,
  });
  assert.deepEqual([principal.role, principal.tenant, principal.id], ['system', 'acme', null]);
  assert.equal(Buffer.from(body!).toString(), '{"event":"items:posts:created","data":{"id":1}}');
  assert.deepEqual(Object.fromEntries(headers.flatMap((name, i) => (i % 2 === 0 ? [[name, headers[i + 1]]] : []))), {
    'content-type': 'application/json',
    'cordon-event-attempt': '1',
    'cordon-event-id': 'e1',
    'cordon-event-hops': '3',
    'ce-specversion': '1.0',
    'ce-id': 'e1',
    'ce-source': '/cms',
    'ce-type': 'items:posts:created',
    'ce-time': '2026-01-01T00:00:00.000Z',
    'ce-subject': 'post%201%20%E2%80%9C%C3%A4%E2%80%9D%25',
  });
});

test('a script is asked for its value, and gets a tick as { firedAt, pattern }', async () => {
  const host = new Host();
  host.version = makeVersion('hello', { handler: 'script' });
  const state = newState({ tenant: 'acme', name: 'hello', pattern: '@daily' });
  await host.deliver(leased(tickJob(state, Date.parse('2026-01-01T00:00:00Z'), 3)));
  const { cause, reply, body } = host.requests[0]!;
  assert.deepEqual([cause, reply], ['cron', 'value']);
  assert.equal(Buffer.from(body!).toString(), '{"firedAt":"2026-01-01T00:00:00.000Z","pattern":"@daily"}');
});

test('a fault or a status of 400 and above is a failure, and the log of the function has a line of it', async () => {
  const host = new Host();
  host.outcome = { fault: new Fault('HANDLER_THREW', 'boom') };
  assert.deepEqual(await host.deliver(eventJob()), { kind: 'failed', error: 'HANDLER_THREW: boom', retryAfterMs: 0 });
  const headers = ['Retry-After', '7'];
  host.outcome = { response: { status: 503, headers, body: Buffer.from('a secret') } };
  const verdict = await host.deliver(eventJob());
  assert.deepEqual(verdict, { kind: 'failed', error: 'The handler answered with the status 503', retryAfterMs: 7_000 });
  assert.deepEqual(
    host.lines.map(({ level, message }) => [level, message]),
    [
      ['error', '[cordon] event failed, attempt 1 of 8: HANDLER_THREW: boom'],
      ['error', '[cordon] event failed, attempt 1 of 8: The handler answered with the status 503'],
    ],
  );
});

test('a status below 400 is a success, and so is a redirect', async () => {
  const host = new Host();
  for (const status of [200, 204, 302])
    assert.deepEqual(
      await ((host.outcome = { response: { status, headers: [], body: Buffer.from('') } }), host.deliver(eventJob())),
      { kind: 'done' },
    );
});

test('a function that was deleted drops its events, one that is inactive or not live keeps them as dead letters', async () => {
  const host = new Host();
  host.version = null;
  assert.deepEqual(await host.deliver(eventJob()), { kind: 'done' });
  assert.match(host.reported[0]!, /^event event:\S+ is dropped: tenant acme has no function hello any more$/);
  host.record = { active: false };
  assert.deepEqual(await host.deliver(eventJob()), {
    kind: 'hopeless',
    error: 'CONFLICT: The function hello is not active',
  });
  host.record = { active: true, live: null };
  assert.equal((await host.deliver(eventJob())).kind, 'hopeless');
  assert.equal(host.requests.length, 0);
});

test('a node that has not heard of a new function yet tries again', async () => {
  const host = new Host();
  host.version = null;
  host.record = { active: true, live: {} as FunctionRecord['live'] };
  assert.equal((await host.deliver(eventJob())).kind, 'unavailable');
});

test('nothing of a suspended tenant runs, and nothing of it is lost', async () => {
  const host = new Host();
  host.isSuspended = true;
  const verdict = await host.deliver(eventJob());
  assert.ok(verdict.kind === 'unavailable' && verdict.retryAfterMs === 60_000);
  assert.equal(host.requests.length, 0);
});

test('a tick that came due while an earlier run lasted is skipped, unless it is to overlap', async () => {
  const host = new Host();
  const state = newState({ tenant: 'acme', name: 'hello', pattern: '* * * * *' });
  await host.cron.create([state]);
  host.nowMs = 130_000;
  assert.equal((await host.deliver(leased(tickJob(state, 60_000, 3)))).kind, 'done');
  assert.equal(host.requests.length, 1);
  await host.deliver(leased(tickJob(state, 120_000, 3)));
  assert.equal(host.requests.length, 1);
  assert.match(host.lines[0]!.message, /a tick is skipped/);
  await host.deliver(leased(tickJob({ ...state, overlap: 'allow' }, 120_000, 3)));
  assert.equal(host.requests.length, 2);
  await host.deliver(leased(tickJob(state, 180_000, 3)));
  assert.equal(host.requests.length, 3);
});

test('a tick that failed is tried again although its own first run has ended, and one by hand counts for nothing', async () => {
  const host = new Host();
  const state = newState({ tenant: 'acme', name: 'hello', pattern: '* * * * *' });
  await host.cron.create([state]);
  host.nowMs = 61_000;
  await host.deliver(leased(manualJob(state, 60_500, 3)));
  assert.equal((await host.cron.find([state]))[0]!.finishedMs, null);
  host.outcome = { fault: new Fault('HANDLER_THREW', 'boom') };
  assert.equal((await host.deliver(leased(tickJob(state, 60_000, 3)))).kind, 'failed');
  assert.equal((await host.deliver(leased(tickJob(state, 60_000, 3), 2))).kind, 'failed');
  assert.equal(host.requests.length, 3);
});

test('what is cancelled before it began is not begun, and what runs is cancelled with it', async () => {
  const host = new Host();
  const { promise, resolve } = Promise.withResolvers<Partial<InvocationOutcome>>();
  host.outcome = promise;
  const delivery = host.start(eventJob());
  await new Promise((next) => setImmediate(next));
  delivery.cancel();
  assert.equal(host.cancelled, 1);
  resolve({ fault: new Fault('CANCELLED', 'stopped') });
  assert.equal((await delivery.verdict).kind, 'returned');
  const early = host.start(eventJob());
  early.cancel();
  assert.equal((await early.verdict).kind, 'returned');
  assert.equal(host.requests.length, 1);
});
