/** `cordon deploy`: what is sent, what is said before, and what happens when one of several fails. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sourceHash } from '../../../src/core/source-hash.ts';
import { Fault } from '../../../src/core/faults.ts';
import { cordon, functionView, startFakeServer, versionView } from './fake-server.ts';
import type { Asked } from './fake-server.ts';
import { projectFolder } from './project-folder.ts';

const MANIFEST = `
tenant = "acme"

[functions.hello]
timeout_ms = 5000
verify_jwt = false
env = { A = "b=c" }
cors = { origins = ["*"], max_age_seconds = 60 }
egress = { allow = ["*.cdn.io"] }
schedule = "*/5 * * * *"
`;

const PROJECT = {
  'cordon.toml': MANIFEST,
  'functions/hello/index.ts': `import { x } from '../_shared/x.ts'; export default () => x;`,
  'functions/_shared/x.ts': `export const x: string = 'grüß';`,
  'functions/other.ts': 'export default 1',
};

const deployed = (asked: Asked): unknown => {
  const view = functionView(asked.url.split('/').at(-1)!);
  return { ...view, added: view.live };
};

test('one file goes with what it imports and with its options', async (t) => {
  const fake = await startFakeServer(t, { 'PUT /api/v1/functions/hello': deployed });
  const folder = projectFolder(t, {
    'hello.ts': `import { x } from './x.ts'; export default () => x;`,
    'x.ts': `export const x: string = 'grüß';`,
  });
  const args = ['deploy', 'hello.ts', '--name', 'hello', '--env', 'A=b=c', '--timeout-ms', '500', '--stream-body'];
  args.push('--capability', 'kv', '--capability=db:write');
  const { code, out, err } = await cordon(folder, fake.url, args);
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, /^hello:\n {2}\+ code [0-9a-f]{8} \(2 files\)\n {2}\+ timeoutMs 500\n/);
  assert.match(out, new RegExp(`\\+ env A\nhello@1 is live \\(isolate\\): ${fake.url}/fn/hello\n$`));
  assert.deepEqual(fake.asked.at(-1)!.body, {
    env: { A: 'b=c' },
    timeoutMs: 500,
    capabilities: ['kv', 'db:write'],
    requestBody: 'stream',
    files: {
      'hello.ts': `import { x } from './x.ts'; export default () => x;`,
      'x.ts': `export const x: string = 'grüß';`,
    },
    entry: 'hello.ts',
  });
});

test('a project goes function by function, as its manifest says', async (t) => {
  const fake = await startFakeServer(t, {
    'PUT /api/v1/functions/hello': deployed,
    'PUT /api/v1/functions/other': deployed,
  });
  const folder = projectFolder(t, PROJECT);
  const { code, out, err } = await cordon(folder, fake.url, ['deploy', '--no-live', '--alias', 'next', '--env', 'B=1']);
  assert.equal(code, 0, err);
  assert.equal(err, '[1/2] hello\n[2/2] other\n');
  assert.match(out, /^hello@1 is live/m);
  const puts = fake.asked.filter(({ method }) => method === 'PUT').map(({ body }) => body as Record<string, unknown>);
  assert.deepEqual(
    { ...puts[0], files: Object.keys(puts[0]!['files'] as object) },
    {
      tenant: 'acme',
      alias: 'next',
      live: false,
      timeoutMs: 5000,
      env: { A: 'b=c', B: '1' },
      verifyJwt: false,
      cors: { origins: ['*'], maxAgeSeconds: 60 },
      egress: { allow: ['*.cdn.io'] },
      trigger: { kind: 'cron', pattern: '*/5 * * * *' },
      files: ['_shared/x.ts', 'hello/index.ts'],
      entry: 'hello/index.ts',
    },
  );
});

test('what changes stands before; --dry-run changes nothing', async (t) => {
  const live = versionView(3, { env: ['A', 'OLD'], verifyJwt: true });
  const other = sourceHash(new Map([['other.ts', Buffer.from('export default 1')]]), 'other.ts');
  const fake = await startFakeServer(t, {
    'GET /api/v1/functions/hello': functionView('hello', { live }),
    'GET /api/v1/functions/other': functionView('other', { live: versionView(1, { hash: other }) }),
  });
  const { code, out } = await cordon(projectFolder(t, PROJECT), fake.url, ['deploy', '--dry-run']);
  assert.equal(code, 0);
  assert.equal(
    out.replace(/→ [0-9a-f]{8} /, '→ HASH '),
    `hello:
  ~ code 33333333 → HASH (2 files)
  ~ timeoutMs 30000 → 5000
  ~ verifyJwt true → false
  + cors {"origins":["*"],"maxAgeSeconds":60}
  ~ egress {"allow":null,"refusal":"throw"} → {"allow":["*.cdn.io"]}
  ~ trigger {"kind":"http","pattern":null} → {"kind":"cron","pattern":"*/5 * * * *"}
  - env OLD
other: neither its code nor its settings have changed
`,
  );
  assert.ok(fake.asked.every(({ method }) => method === 'GET'));
  assert.equal(fake.asked[0]!.url, '/api/v1/functions/hello?tenant=acme');
});

test('where one function fails the others are deployed, and the exit code says so', async (t) => {
  const fake = await startFakeServer(t, {
    'PUT /api/v1/functions/hello': new Fault('COMPILE_FAILED', 'hello/index.ts:1:1: no'),
    'PUT /api/v1/functions/other': deployed,
  });
  const folder = projectFolder(t, PROJECT);
  const { code, out, err } = await cordon(folder, fake.url, ['deploy']);
  assert.equal(code, 1);
  assert.match(err, /cordon: hello: hello\/index.ts:1:1: no \(COMPILE_FAILED\)/);
  assert.match(out, /other@1 is live/);
  const { code: again, out: asJson, err: nothing } = await cordon(folder, fake.url, ['deploy', '--json']);
  assert.deepEqual([again, nothing], [1, '']);
  const outcomes = JSON.parse(asJson) as { name: string; error?: string; deployed?: { name: string } }[];
  assert.deepEqual(
    outcomes.map(({ name, error, deployed: made }) => [name, error === undefined, made?.name]),
    [
      ['hello', false, undefined],
      ['other', true, 'other'],
    ],
  );
});

test('only the named functions go, and a manifest that is not valid stops before anything is sent', async (t) => {
  const fake = await startFakeServer(t, { 'PUT /api/v1/functions/other': deployed });
  await cordon(projectFolder(t, PROJECT), fake.url, ['deploy', 'other']);
  assert.deepEqual(
    fake.asked.map(({ method, url }) => `${method} ${url.split('?')[0]}`),
    ['GET /api/v1/functions/other', 'PUT /api/v1/functions/other'],
  );
  fake.asked.length = 0;
  const folder = projectFolder(t, { ...PROJECT, 'cordon.toml': `${MANIFEST}\ntimout_ms = 1` });
  const { code, err } = await cordon(folder, fake.url, ['deploy']);
  assert.equal(code, 1);
  assert.match(err, /cordon.toml:12: there is no key functions.hello.timout_ms; did you mean timeout_ms\?/);
  assert.deepEqual(fake.asked, []);
});

test('a version that is not live is told with the address at which it answers', async (t) => {
  const fake = await startFakeServer(t, {
    'PUT /api/v1/functions/hello': {
      ...functionView('hello', { aliases: { next: 2 }, active: false }),
      added: versionView(2),
    },
  });
  const folder = projectFolder(t, { 'functions/hello.ts': 'export default 1' });
  assert.match(
    (await cordon(folder, fake.url, ['deploy', '--no-live'])).out,
    /hello@2 is deployed \(isolate\), and not live, and waits for an admin to activate it: http.+\/fn\/hello@next\n$/,
  );
});
