/** What is left of the queue when its process is killed. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { open } from './fixtures.ts';
import type { StorageEngine } from './fixtures.ts';
import { drain, idsOf } from './queue-fixtures.ts';

const WRITER = fileURLToPath(new URL('./queue-writer.ts', import.meta.url));
const KILLS = 20;
/** After the first acknowledgement. */
const MAX_LIFE_MS = 120;

interface Said {
  readonly added: Set<string>;
  readonly completed: Set<string>;
}

export function queueKillConformance(engine: StorageEngine): void {
  test(
    'after twenty kills at random moments all that was acknowledged is there, and no more than that',
    { timeout: 600_000 },
    async (t) => {
      const place = await engine.place(t);
      const said: Said = { added: new Set(), completed: new Set() };
      for (let round = 0; round < KILLS; round += 1) await writeUntilKilled(engine, place, round, said);
      const { queue } = await open(engine, t, place);
      const { waiting, running, dead } = await queue.counts(null);
      assert.equal(dead, 0);
      const left = new Set(idsOf(await drain(queue)));
      // The leases of those that were killed end with this.
      while (left.size < waiting + running) {
        for (const id of idsOf(await drain(queue))) left.add(id);
        await delay(50);
      }
      assert.deepEqual(
        [...said.completed].filter((id) => left.has(id)),
        [],
        'what was completed does not come back',
      );
      const lost = [...said.added].filter((id) => !left.has(id) && !said.completed.has(id));
      // A completion that was on its way when the process was killed may have been kept.
      const unsaid = lost.filter((id) => !id.startsWith('done-'));
      assert.deepEqual(unsaid, []);
      assert.ok(lost.length <= KILLS * 4, `${lost.length} completions that nobody heard of`);
      assert.ok(said.added.size > KILLS && said.completed.size > 0, `${said.added.size}, ${said.completed.size}`);
    },
  );
}

async function writeUntilKilled(engine: StorageEngine, place: string, round: number, said: Said): Promise<void> {
  const writer = spawn(process.execPath, [WRITER, engine.module.href, place, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(writer, 'exit');
  const lines = createInterface({ input: writer.stdout });
  try {
    for await (const line of lines) {
      if (said.added.size + said.completed.size === 0 || writer.exitCode === null) arm(writer);
      const [what, id] = line.split(' ') as ['added' | 'completed', string];
      said[what].add(id);
    }
  } finally {
    writer.kill('SIGKILL');
    await ended;
  }
}

const armed = new WeakSet<object>();

function arm(writer: ReturnType<typeof spawn>): void {
  if (armed.has(writer)) return;
  armed.add(writer);
  setTimeout(() => writer.kill('SIGKILL'), Math.random() * MAX_LIFE_MS);
}
