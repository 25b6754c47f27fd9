import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { NewEvent } from '../../../src/core/event.ts';
import type { Outbox, OutboxEvent } from '../../../src/core/outbox.ts';
import type { NewJob } from '../../../src/core/queue.ts';
import { OutboxDrain } from '../../../src/triggers/outbox-drain.ts';

/** An outbox whose jobs a test can see. */
class MemoryOutbox implements Outbox {
  readonly events: OutboxEvent[] = [];
  readonly jobs: NewJob[] = [];
  readonly reported: unknown[] = [];
  takes = 0;
  failure: Error | null = null;
  #listener: () => void = () => undefined;
  #changes: (() => void)[] = [];

  put(...data: string[]): void {
    for (const text of data)
      this.events.push({ id: `e${this.events.length}`, tenant: 'acme', channel: 'a', data: text, addedMs: 0 });
    this.#listener();
  }

  async take(limit: number, expand: (events: readonly OutboxEvent[]) => readonly NewJob[]): Promise<number> {
    this.takes += 1;
    if (this.failure !== null) throw this.failure;
    const taken = this.events.slice(0, limit);
    this.jobs.push(...expand(taken));
    this.events.splice(0, taken.length);
    for (const resolve of this.#changes.splice(0)) resolve();
    return taken.length;
  }

  onWork(listener: () => void): void {
    this.#listener = listener;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#changes.push(resolve));
  }

  drain(t: TestContext): this {
    const drain = new OutboxDrain({
      outbox: this,
      jobsOf({ channel, data, source, ...event }: NewEvent): NewJob[] {
        if (data === 'bad') throw new Error('no event');
        const payload = JSON.stringify({ channel, data, source });
        const rest = { key: null, runAtMs: 0, maxAttempts: 1, functionName: 'f', kind: 'event' } as const;
        return [{ id: event.id ?? '', tenant: event.tenant, payload, ...rest }];
      },
      report: (error) => void this.reported.push(error),
    });
    t.after(() => drain.close());
    drain.start();
    return this;
  }
}

test('what a transaction has left becomes jobs, what was there before and what comes', async (t) => {
  const outbox = new MemoryOutbox();
  outbox.put('1', ...Array.from({ length: 250 }, () => '"x"'));
  outbox.drain(t);
  await outbox.until(() => outbox.jobs.length === 251);
  outbox.put('{"n":1}');
  await outbox.until(() => outbox.jobs.length === 252);
  assert.deepEqual(JSON.parse(outbox.jobs.at(-1)!.payload), { channel: 'a', data: { n: 1 }, source: '/database' });
});

test('one that can be no event is reported, and holds up none of the others', async (t) => {
  const outbox = new MemoryOutbox().drain(t);
  outbox.put('1', '"bad"', '{', '2');
  await outbox.until(() => outbox.jobs.length === 2);
  assert.equal(outbox.reported.length, 2);
  assert.match(String(outbox.reported[0]), /The event e1 that a transaction published is dropped/);
  assert.equal(outbox.events.length, 0);
});

test('it is told of every job that is added, and does not look each time', async (t) => {
  const outbox = new MemoryOutbox().drain(t);
  for (let i = 0; i < 100; i++) {
    outbox.put();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(outbox.takes <= 10, `${outbox.takes}`);
  outbox.put('1');
  await outbox.until(() => outbox.jobs.length === 1);
});
