/** `cordon dev`: a server's functions follow the files of a project. */

import assert from 'node:assert/strict';
import { EventEmitter, on } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { clientOf } from '../../../src/cli/client.ts';
import { devCommand } from '../../../src/cli/commands/dev.ts';
import { readInput } from '../../../src/cli/input.ts';
import { DevSession } from '../../../src/cli/project/dev-session.ts';
import { Fault } from '../../../src/core/faults.ts';
import { functionView, startFakeServer, versionView } from './fake-server.ts';
import type { Asked, FakeServer } from './fake-server.ts';
import { projectFolder } from './project-folder.ts';
import { printedBy } from './standard-output.ts';

interface Watched {
  readonly fake: FakeServer;
  readonly lines: string[];
  /** Makes a change, and resolves when a line like this is reported; a file may be seen half written before. */
  after(change: () => void, line: RegExp): Promise<void>;
}

const deployed = ({ url, body }: Asked): unknown => {
  const { files, entry } = body as { files: Record<string, string>; entry: string };
  if (files[entry]!.includes('bad')) return new Fault('COMPILE_FAILED', `${entry}:1:1: no`);
  return { ...functionView(url.split('/').at(-1)!), added: versionView(1) };
};

async function watched(t: TestContext, folder: string): Promise<Watched> {
  const names = ['a', 'b', 'c'];
  const fake = await startFakeServer(t, {
    ...Object.fromEntries(names.map((name) => [`PUT /api/v1/functions/${name}`, deployed])),
    ...Object.fromEntries(names.map((name) => [`DELETE /api/v1/functions/${name}`, null])),
  });
  const lines: string[] = [];
  const events = new EventEmitter();
  const session = new DevSession({
    folder,
    root: folder,
    client: clientOf(fake.url, () => 'token', folder),
    url: 'http://dev',
    env: { FROM_FILE: '1' },
    report(line) {
      lines.push(line);
      events.emit('line', line);
    },
  });
  t.after(() => session.close());
  await session.start();
  return {
    fake,
    lines,
    async after(change, line) {
      const reported = on(events, 'line', { signal: t.signal });
      change();
      for await (const [text] of reported) if (line.test(String(text))) return;
    },
  };
}

test('everything is deployed at the start, and then what has really changed', async (t) => {
  const folder = projectFolder(t, {
    'functions/a.ts': `import './_shared/x.ts'; export default 1`,
    'functions/b/index.ts': 'export default 1',
    'functions/_shared/x.ts': '',
  });
  const { fake, lines, after } = await watched(t, folder);
  assert.deepEqual(lines, ['a@1 is live (isolate): http://dev/fn/a', 'b@1 is live (isolate): http://dev/fn/b']);
  assert.deepEqual((fake.asked[0]!.body as { env: unknown }).env, { FROM_FILE: '1' });
  await after(() => writeFileSync(join(folder, 'functions/_shared/x.ts'), 'globalThis.x = 1'), /^a@1 is live/);
  await after(() => {
    mkdirSync(join(folder, 'functions/c'));
    writeFileSync(join(folder, 'functions/c/index.ts'), 'export default 3');
  }, /^c@1 is live/);
  await after(() => writeFileSync(join(folder, 'cordon.toml'), '[functions.a]\ntimeout_ms = 1000'), /^a@1 is live/);
  assert.equal(lines.filter((line) => line.startsWith('b@1')).length, 1, 'nothing of b has changed');
  await after(() => rmSync(join(folder, 'functions/b'), { recursive: true }), /^b is deleted$/);
});

test('what is wrong is told and the session goes on', async (t) => {
  const folder = projectFolder(t, { 'cordon.toml': '[functions.a]', 'functions/a.ts': 'bad' });
  const { lines, after } = await watched(t, folder);
  assert.deepEqual(lines, ['a: a.ts:1:1: no (COMPILE_FAILED)']);
  const manifest = (text: string) => (): void => writeFileSync(join(folder, 'cordon.toml'), text);
  await after(manifest('[functions.a]\nnope = 1'), /^cordon.toml:2: there is no key functions.a.nope$/);
  await after(() => writeFileSync(join(folder, 'functions/a.ts'), 'good'), /^cordon.toml:2: there is no key/);
  await after(manifest(''), /^a@1 is live/);
});

test('dev starts a server of its own, says where it is, and closes it', async (t) => {
  const folder = projectFolder(t, {
    'functions/a.ts': 'export default 1',
    '.env': 'CORDON_DATABASE_URL=postgres://production/db\nPORT=4000\n',
  });
  const fake = await startFakeServer(t, { 'PUT /api/v1/functions/a': deployed });
  let isClosed = false;
  const command = devCommand(
    async (config) => {
      assert.deepEqual(
        [config.dataDir, config.databaseUrl, config.port],
        [join(folder, '.cordon', 'dev'), null, 4000],
        'nothing of a real installation',
      );
      return {
        url: 'http://127.0.0.1:4000',
        adminUrl: fake.url,
        adminToken: 'made-by-this-server',
        async close() {
          isClosed = true;
        },
      };
    },
    async () => {
      // Told to stop at once.
    },
  );
  const { out, err } = await printedBy(t, async () => {
    assert.equal(await command.run(readInput(command, ['--project', folder])), 0);
  });
  assert.match(out, /^Serving http:\/\/127.0.0.1:4000; Ctrl-C ends it/);
  assert.match(err, /^a@1 is live \(isolate\): http:\/\/127.0.0.1:4000\/fn\/a\nStopping/);
  assert.equal(fake.asked[0]!.authorization, 'Bearer made-by-this-server');
  assert.ok(isClosed);
});
