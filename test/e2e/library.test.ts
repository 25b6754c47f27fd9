import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createCordon, Fault } from '../../src/index.ts';

test('the library deploys, invokes, executes and closes', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'cordon-library-'));
  const cordon = await createCordon({ dataDir, poolSize: 1 });
  try {
    const record = await cordon.deploy({
      name: 'hello',
      entry: 'hello.ts',
      files: new Map([
        [
          'hello.ts',
          Buffer.from('export default { fetch: async (r: Request) => new Response(r.method + await r.text()) }'),
        ],
      ]),
    });
    assert.equal(record.added.number, 1);
    const { status, body } = await cordon.invoke('hello', { method: 'POST', body: ' there' });
    assert.equal(status, 200);
    assert.equal(Buffer.from(body).toString(), 'POST there');
    await assert.rejects(cordon.invoke('nobody'), (error) => error instanceof Fault && error.code === 'NOT_FOUND');
    const outcome = await cordon.execute({ code: 'return { statusCode: 200, body: 2 }' });
    assert.deepEqual(outcome.ok && outcome.result, { statusCode: 200, headers: {}, body: 2 });
    await assert.rejects(
      async () => cordon.execute({ code: 'return 1', timeoutMs: 1 }),
      (error) => error instanceof Fault && error.code === 'BAD_REQUEST',
    );
  } finally {
    await cordon.close();
    await rm(dataDir, { recursive: true, force: true });
  }
});
