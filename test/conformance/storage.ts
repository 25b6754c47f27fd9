/** What every engine behind the storage seam must do; an engine's test calls it in a line. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { NewVersion, SourceFiles } from '../../src/core/deployment.ts';
import type { FunctionVersion } from '../../src/core/function.ts';
import type { LogLine } from '../../src/core/log-line.ts';
import { StartError } from '../../src/core/start-error.ts';
import type { Storage } from '../../src/storage/storage.ts';

export interface StorageEngine {
  readonly name: string;
  /** A module that exports `openStorage(dataDir)`. */
  readonly module: URL;
}

const WRITER = fileURLToPath(new URL('./storage-writer.ts', import.meta.url));

export function newVersion(changes: Partial<NewVersion> = {}): NewVersion {
  return {
    tenant: 'acme',
    name: 'hello',
    hash: 'sha256-abc',
    tier: 'isolate',
    cordon: 'tenant',
    handler: 'module',
    handlerName: 'handler',
    limits: { timeoutMs: 30_000, memoryMb: 128, requestBytes: 1, responseBytes: 2, logBytes: 3, concurrency: 4 },
    env: { KEY: 'välue\n', B: '' },
    requestBody: 'buffer',
    passAuthorization: false,
    artifact: { format: 'script', code: Buffer.from('code'), cache: Buffer.from([0, 255]), interleaves: true },
    ...changes,
  };
}

export function logLine(id: number, changes: Partial<LogLine> = {}): LogLine {
  return {
    id,
    tenant: 'acme',
    name: 'hello',
    version: 1,
    invocation: 'i1',
    level: 'info',
    message: `line ${id}`,
    timeMs: 1000 + id,
    ...changes,
  };
}

const FILES: SourceFiles = new Map([
  ['b/index.ts', Buffer.from('export default 1')],
  ['a.json', Buffer.from([0, 1, 2])],
]);

export function storageConformance(engine: StorageEngine): void {
  describe(`storage on ${engine.name}`, () => {
    const openAt = async (dataDir: string): Promise<Storage> =>
      ((await import(engine.module.href)) as { openStorage(dataDir: string): Promise<Storage> }).openStorage(dataDir);

    const open = async (t: TestContext, dataDir = temporaryFolder(t)): Promise<Storage> => {
      const storage = await openAt(dataDir);
      t.after(() => storage.close());
      return storage;
    };

    test('a deployed version is live, and comes back as it was', async (t) => {
      const storage = await open(t);
      const deployed = await storage.deployVersion(newVersion(), FILES);
      assert.equal(deployed.key, 'acme/hello@1');
      assert.equal(deployed.ephemeral, false);
      assert.deepEqual((await storage.liveVersions()).map(comparable), [comparable(deployed)]);
    });

    test('an artifact without a cache comes back without one', async (t) => {
      const storage = await open(t);
      const artifact = { format: 'module', code: new Uint8Array(), cache: null, interleaves: false } as const;
      await storage.deployVersion(newVersion({ artifact }), FILES);
      assert.deepEqual(comparable((await storage.liveVersions())[0]!).artifact, { ...artifact, code: '' });
    });

    test('the sources of a version come back byte by byte', async (t) => {
      const storage = await open(t);
      await storage.deployVersion(newVersion(), FILES);
      const sources = await storage.sourcesOf('acme', 'hello', 1);
      assert.deepEqual(
        [...sources].map(([path, content]) => [path, Buffer.from(content).toString('latin1')]),
        [
          ['a.json', '\0\x01\x02'],
          ['b/index.ts', 'export default 1'],
        ],
      );
      assert.equal((await storage.sourcesOf('rival', 'hello', 1)).size, 0);
    });

    test('a second deployment gets the next number and takes the place of the first', async (t) => {
      const storage = await open(t);
      await storage.deployVersion(newVersion(), FILES);
      const [before] = await storage.functionsOf('acme');
      await storage.deployVersion(newVersion({ hash: 'other', env: {} }), FILES);
      const [live, ...rest] = await storage.liveVersions();
      assert.deepEqual([live?.number, live?.hash, rest.length], [2, 'other', 0]);
      const after = await storage.functionOf('acme', 'hello');
      assert.deepEqual([after?.version, after?.envNames, after?.createdMs], [2, [], before?.createdMs]);
    });

    test('deployments at the same time get a number each', async (t) => {
      const storage = await open(t);
      const versions = await Promise.all(Array.from({ length: 8 }, () => storage.deployVersion(newVersion(), FILES)));
      assert.deepEqual(
        versions.map(({ number }) => number).sort((a, b) => a - b),
        [1, 2, 3, 4, 5, 6, 7, 8],
      );
    });

    test('a deployment that fails midway leaves no trace', async (t) => {
      const storage = await open(t);
      await storage.deployVersion(newVersion(), FILES);
      const broken = new Map([...FILES, ['c.ts', null as unknown as Uint8Array]]);
      await assert.rejects(storage.deployVersion(newVersion({ hash: 'broken' }), broken));
      const [live] = await storage.liveVersions();
      assert.deepEqual([live?.number, live?.hash], [1, 'sha256-abc']);
      assert.equal((await storage.sourcesOf('acme', 'hello', 2)).size, 0);
      assert.equal((await storage.deployVersion(newVersion(), FILES)).number, 2);
    });

    test('a tenant sees its own functions only, in the order of their names, without the values of their environment', async (t) => {
      const storage = await open(t);
      for (const name of ['b', 'a']) await storage.deployVersion(newVersion({ name }), FILES);
      await storage.deployVersion(newVersion({ tenant: 'rival', name: 'c' }), FILES);
      const records = await storage.functionsOf('acme');
      assert.deepEqual(
        records.map(({ name }) => name),
        ['a', 'b'],
      );
      assert.deepEqual(records[0]?.envNames, ['B', 'KEY']);
      assert.ok(!JSON.stringify(records).includes('välue'));
      assert.equal(await storage.functionOf('acme', 'c'), null);
    });

    test('a deleted function is gone with its sources and lines, and its numbers never come back', async (t) => {
      const storage = await open(t);
      await storage.deployVersion(newVersion(), FILES);
      await storage.appendLogs([logLine(1), logLine(2, { tenant: 'rival' })]);
      assert.equal(await storage.deleteFunction('acme', 'hello'), true);
      assert.equal(await storage.deleteFunction('acme', 'hello'), false);
      assert.deepEqual(await storage.liveVersions(), []);
      assert.deepEqual(await storage.functionsOf('acme'), []);
      assert.equal((await storage.sourcesOf('acme', 'hello', 1)).size, 0);
      assert.deepEqual(await storage.readLogs({ tenant: 'acme', name: 'hello', afterId: null, limit: 9 }), []);
      assert.equal((await storage.readLogs({ tenant: 'rival', name: 'hello', afterId: null, limit: 9 })).length, 1);
      assert.equal((await storage.deployVersion(newVersion(), FILES)).key, 'acme/hello@2');
    });

    test('lines come back as they were: the newest without a cursor, the following with one, in order', async (t) => {
      const storage = await open(t);
      const lines = Array.from({ length: 600 }, (_, i) =>
        logLine(i + 1, { invocation: i === 0 ? null : 'i', level: 'error' }),
      );
      await storage.appendLogs(lines);
      await storage.appendLogs([]);
      const read = async (afterId: number | null, limit: number): Promise<LogLine[]> =>
        (await storage.readLogs({ tenant: 'acme', name: 'hello', afterId, limit })).map((line) => ({ ...line }));
      assert.deepEqual(await read(null, 2), lines.slice(-2));
      assert.deepEqual(await read(0, 2), lines.slice(0, 2));
      assert.deepEqual(await read(599, 9), lines.slice(-1));
      assert.equal(await storage.lastLogId(), 600);
    });

    test('retention takes the old lines, and the oldest of whoever has too many', async (t) => {
      const storage = await open(t);
      assert.equal(await storage.lastLogId(), 0);
      await storage.appendLogs(Array.from({ length: 5000 }, (_, i) => logLine(i + 1, { timeMs: i < 4990 ? 1 : 3 })));
      await storage.appendLogs([logLine(5001, { name: 'quiet', timeMs: 3 })]);
      assert.equal(await storage.pruneLogs({ beforeMs: 2, maxLines: 4 }), 4996);
      const left = await storage.readLogs({ tenant: 'acme', name: 'hello', afterId: 0, limit: 99 });
      assert.deepEqual(
        left.map(({ id }) => id),
        [4997, 4998, 4999, 5000],
      );
      assert.equal((await storage.readLogs({ tenant: 'acme', name: 'quiet', afterId: 0, limit: 99 })).length, 1);
    });

    test(
      'what was acknowledged is there after a kill -9, and the storage opens again',
      { timeout: 30_000 },
      async (t) => {
        const dataDir = temporaryFolder(t);
        const writer = spawn(process.execPath, [WRITER, engine.module.href, dataDir], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        t.after(() => writer.kill('SIGKILL'));
        let acknowledged = 0;
        for await (const line of createInterface({ input: writer.stdout })) {
          acknowledged = Number(line);
          if (acknowledged === 40) break;
        }
        const second = openAt(dataDir);
        await assert.rejects(second, (error) => error instanceof StartError && /another Cordon/.test(error.message));
        writer.kill('SIGKILL');
        await once(writer, 'exit');
        const storage = await open(t, dataDir);
        const [live] = await storage.liveVersions();
        assert.ok(live !== undefined && live.number >= acknowledged, `${live?.number} of ${acknowledged}`);
        assert.equal((await storage.sourcesOf('acme', 'hello', live.number)).size, 1);
        assert.ok((await storage.lastLogId()) >= acknowledged);
      },
    );
  });
}

function comparable(version: FunctionVersion): object & { artifact: object } {
  const text = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString('latin1');
  const { artifact } = version;
  return { ...version, artifact: { ...artifact, code: text(artifact.code), cache: text(artifact.cache) } };
}

export function temporaryFolder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'cordon-storage-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
