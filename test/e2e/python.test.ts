/** Functions in Python through a whole server: how they are deployed, called, refused and taken back, with what they need. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { missingInstaller } from '../support/installers.ts';
import { startRegistries, type Registries } from '../support/package-registries.ts';
import { ADMIN_TOKEN, startTestServer, type TestServer } from '../support/server.ts';

const skip = await missingInstaller('pip');
const HELLO = new URL('../../functions/hello-python/main.py', import.meta.url);

let server: TestServer;
let registries: Registries;
before(async () => {
  if (skip !== false) return;
  registries = await startRegistries(
    [],
    [
      {
        name: 'greet',
        version: '1.0.0',
        files: { 'greet/__init__.py': 'from words import HELLO\n' },
        requires: ['words>=1'],
      },
      { name: 'words', version: '1.1', files: { 'words.py': 'HELLO = "hello from a wheel"\n' } },
    ],
  );
  server = await startTestServer({
    env: { CORDON_PIP_INDEX_URL: registries.pip, CORDON_EGRESS_ALLOW_PRIVATE: registries.host },
  });
});
after(async () => {
  if (skip !== false) return;
  await server[Symbol.asyncDispose]();
  await registries.close();
});

interface Problem {
  readonly code: string;
  readonly detail: string;
}

interface Shown {
  readonly added: Version;
  readonly live: Version;
}

interface Version {
  readonly number: number;
  readonly tier: string;
  readonly runtime: string;
  readonly limits: { readonly concurrency: number };
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- JSON has no types
async function api<T>(method: string, path: string, body?: object): Promise<{ status: number; body: T }> {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as T };
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- JSON has no types
const deploy = <T = Shown>(name: string, files: Record<string, string>, more: object = {}) =>
  api<T>('PUT', `/api/v1/functions/${name}`, { files, entry: Object.keys(files)[0], ...more });

const call = async (path: string): Promise<string> => (await fetch(`${server.url}/fn/${path}`)).text();

const module = (body: string): string =>
  `def handler(event, context):\n    return {"statusCode": 200, "body": ${body}}\n`;

suite('Python', { skip }, () => {
  test('the example is deployed as a file, runs in a container, and is shown as what it is', async () => {
    const { status, body } = await deploy('hello', { 'main.py': await readFile(HELLO, 'utf8') });
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual([body.added.runtime, body.added.tier, body.added.limits.concurrency], ['python', 'container', 1]);
    assert.equal(await call('hello?name=ann'), 'hello, ann\n');
    const { versions } = (await api<{ versions: Version[] }>('GET', '/api/v1/functions/hello/versions')).body;
    assert.equal(versions[0]!.runtime, 'python');
  });

  test('a service in Python is created and called by the commands of the text', async () => {
    const service = {
      name: 'hello-py',
      deploy_type: 'FUNCTION',
      function_runtime: 'python3.9',
      function_code:
        'def handler(event, context):\n    return {"statusCode": 200, "body": "hello, " + (event.get("queryStringParameters") or {}).get("name", "world")}\n',
      public_domain: 'hello-py.example.com',
    };
    const { stdout } = await promisify(execFile)('curl', [
      ...['-sS', '-X', 'POST', `${server.url}/api/v1/services/`],
      ...['-H', `Authorization: Token ${ADMIN_TOKEN}`, '-H', 'Content-Type: application/json'],
      ...['-d', JSON.stringify(service)],
    ]);
    const { id } = JSON.parse(stdout) as { id: string };
    const record = await ended(id);
    assert.equal(record.status, 'succeeded', record.log);
    assert.match(record.log, /^python3\.9: /m);
    assert.equal(await call('hello-py?name=alice'), 'hello, alice');
    const invoked = await api<{ success: boolean; result: { body: string } }>(
      'POST',
      `/api/v1/services/${id}/invoke/`,
      { event: { queryStringParameters: { name: 'bob' } } },
    );
    assert.deepEqual([invoked.body.success, invoked.body.result.body], [true, 'hello, bob']);
  });

  test('an error in the code is the error of its deployment, and what was live stays', async () => {
    await deploy('steady', { 'main.py': module('"v1"') });
    const { status, body } = await deploy<Problem>('steady', { 'main.py': 'def handler(event, context)\n  pass\n' });
    assert.deepEqual([status, body.code], [422, 'HEALTH_CHECK_FAILED']);
    assert.match(body.detail, /SyntaxError|main\.py/);
    assert.equal(await call('steady'), 'v1');
  });

  test('an older version is as it was when it is made live again', async () => {
    await deploy('back', { 'main.py': 'from lib.text import TEXT\n' + module('TEXT'), 'lib/text.py': 'TEXT = "v1"' });
    await deploy('back', { 'main.py': module('"v2"') });
    assert.equal(await call('back'), 'v2');
    const { body } = await api<Shown>('POST', '/api/v1/functions/back/rollback', {});
    assert.equal(body.live.runtime, 'python');
    assert.equal(await call('back'), 'v1');
  });

  test('what a requirements.txt names is installed from the operator’s index, once', async () => {
    const files = {
      'main.py': 'from greet import HELLO\n' + module('HELLO'),
      'requirements.txt': 'greet==1.0.0\n',
    };
    const { status, body } = await deploy('vendored', files);
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(await call('vendored'), 'hello from a wheel');
    const asked = registries.asked.length;
    assert.ok(asked > 0);
    await deploy('vendored', { ...files, 'main.py': 'from greet import HELLO\n' + module('HELLO + "!"') });
    assert.equal(await call('vendored'), 'hello from a wheel!');
    assert.equal(registries.asked.length, asked);
    const { deployments } = (
      await api<{ deployments: { log: string }[] }>('GET', '/api/v1/functions/vendored/deployments')
    ).body;
    assert.match(deployments[0]!.log, /^Dependencies, installed earlier: greet 1\.0\.0, words 1\.1$/m);
  });

  test('packages that were uploaded are used as they are', async () => {
    const files = {
      'main.py': 'import mine\n' + module('mine.TEXT'),
      'requirements.txt': 'nobody==1\n',
      '.cordon/packages/mine.py': 'TEXT = "uploaded"',
    };
    assert.equal((await deploy('uploaded', files)).status, 200);
    assert.equal(await call('uploaded'), 'uploaded');
  });

  test('what can’t be is refused with the reason', async () => {
    const main = { 'main.py': module('1') };
    for (const [files, more, status, reason] of [
      [main, { tier: 'isolate' }, 422, /isolate has no Python; it runs in: container/],
      [main, { handlerKind: 'script' }, 400, /handlerKind: a script is JavaScript/],
      [main, { runtime: 'node22' }, 400, /^runtime: node22 starts from/],
      [{ ...main, 'requirements.txt': '-e .' }, {}, 400, /^requirements\.txt:1: .*options are not taken/],
      [{ ...main, 'requirements.txt': 'x @ git+https://example.com/x' }, {}, 400, /not from a path or an address/],
      [{ ...main, 'requirements.txt': 'nobody==1' }, {}, 400, /can't be installed by pip .*nobody/],
      [{ ...main, 'requirements.txt': 'a', 'pip.conf': '' }, {}, 400, /^pip\.conf: it is not taken/],
      [{ 'main.py': '#'.repeat(300_000) }, {}, 400, /Function code exceeds 256 KB/],
    ] as const) {
      const { status: found, body } = await deploy<Problem>('refused', files, more);
      assert.deepEqual([found, reason.test(body.detail)], [status, true], JSON.stringify(body));
    }
  });
});

async function ended(id: string): Promise<{ readonly status: string; readonly log: string }> {
  for (;;) {
    const { results } = (
      await api<{ results: { status: string; log: string }[] }>('GET', `/api/v1/services/${id}/deployments/`)
    ).body;
    if (results[0]!.status !== 'running') return results[0]!;
  }
}
