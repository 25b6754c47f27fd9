/** `cordon init` and `cordon types`: a project that editors and the other commands can take as it is. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readProject } from '../../../src/cli/project/project.ts';
import { readSources } from '../../../src/cli/project/sources.ts';
import { cordon, startFakeServer } from './fake-server.ts';
import { projectFolder } from './project-folder.ts';

const NOWHERE = 'http://127.0.0.1:9';
const TSC = fileURLToPath(new URL('../../../node_modules/.bin/tsc', import.meta.url));

/** What the compiler has to say of a project; empty where it is content. */
function complaints(folder: string): string {
  try {
    return execFileSync(TSC, ['-p', folder], { encoding: 'utf8' });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

test('init makes a project that reads and that TypeScript is content with, and overwrites nothing', async (t) => {
  const folder = projectFolder(t, {});
  const { code, out } = await cordon(folder, NOWHERE, ['init', 'app']);
  assert.equal(code, 0);
  assert.match(out, /^cordon.toml\nfunctions\/hello\/index.ts\n[^]+\nNext: cd app && cordon dev\n$/);
  const app = join(folder, 'app');
  const { functions } = await readProject(app);
  assert.deepEqual(
    functions.map(({ name, settings }) => [name, settings.env]),
    [['hello', { GREETING: 'hello' }]],
  );
  const { files } = await readSources(functions[0]!.entry);
  assert.deepEqual([...files.keys()], ['_shared/greeting.ts', 'hello/index.ts']);
  assert.equal(complaints(app), '');
  writeFileSync(join(app, 'cordon.toml'), 'tenant = "mine"');
  const again = await cordon(folder, NOWHERE, ['init', 'app']);
  assert.equal(again.code, 1);
  assert.match(
    again.err,
    /^cordon: nothing was written: cordon.toml, functions\/hello\/index.ts, .+ is there already\n$/,
  );
  assert.equal(readFileSync(join(app, 'cordon.toml'), 'utf8'), 'tenant = "mine"');
});

test('types knows the names of the manifest and of the secrets, and what functions find around them', async (t) => {
  const variable = { secret: true, value: null, hosts: [], updatedAt: 'then' };
  const fake = await startFakeServer(t, {
    'GET /api/v1/secrets': { variables: [{ ...variable, name: 'API_KEY' }] },
    'GET /api/v1/functions/hello/secrets': { variables: [{ ...variable, name: 'OWN' }] },
  });
  const folder = projectFolder(t, {});
  await cordon(folder, NOWHERE, ['init']);
  const { out } = await cordon(folder, fake.url, ['types', '--tenant', 'acme']);
  assert.equal(out, 'cordon-env.d.ts knows API_KEY, GREETING, OWN\n');
  assert.equal(fake.asked[0]!.url, '/api/v1/secrets?tenant=acme');
  const use = `
const known: string = env.API_KEY + Deno.env.get('OWN');
const unknown: string | undefined = env.OTHER ?? Deno.env.get('OTHER');
Deno.serve((request) => new Response(request.url + known + unknown));
EdgeRuntime.waitUntil(Promise.resolve());
export const script: string | null = ctx.user.id ?? ctx.env.GREETING ?? ctx.data.anything;
export default { fetch: (_request: Request, { OWN }: CordonEnv, context: CordonContext) => context.invocationId + OWN };
`;
  writeFileSync(join(folder, 'functions', 'use.ts'), use);
  assert.equal(complaints(folder), '');
  writeFileSync(join(folder, 'functions', 'use.ts'), 'export const missing: string = env.OTHER;');
  assert.match(complaints(folder), /use.ts\(1,\d+\): error TS2322: Type 'string \| undefined'/);
});

test('types goes without the server where there is none, and says so', async (t) => {
  const folder = projectFolder(t, { 'functions/a.ts': '' });
  const { code, out, err } = await cordon(folder, NOWHERE, ['types']);
  assert.deepEqual([code, out], [0, 'cordon-env.d.ts knows no variables\n']);
  assert.match(err, /^Without the names of secrets: /);
  assert.equal((await cordon(folder, NOWHERE, ['types', '--offline'])).err, '');
});
