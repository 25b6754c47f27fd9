/** Packages that a function names and does not bring along: installed by npm in a container, then bundled as any others. */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { missingInstaller } from '../support/installers.ts';
import { startRegistries, type Registries } from '../support/package-registries.ts';
import { ADMIN_TOKEN, startTestServer, type TestServer } from '../support/server.ts';

const skip = await missingInstaller('npm');

let server: TestServer;
let registries: Registries;
before(async () => {
  if (skip !== false) return;
  registries = await startRegistries(
    [
      {
        name: 'left',
        version: '1.2.3',
        files: { 'index.js': 'exports.left = require("right") + " left"' },
        manifest: { dependencies: { right: '^2.0.0' }, scripts: { postinstall: 'exit 1' } },
      },
      { name: 'right', version: '2.0.1', files: { 'index.js': 'module.exports = "right"' } },
      { name: 'outside', version: '1.0.0', files: {}, manifest: { dependencies: { x: 'http://127.0.0.1:1/x.tgz' } } },
    ],
    [],
  );
  server = await startTestServer({
    env: { CORDON_NPM_REGISTRY: registries.npm, CORDON_EGRESS_ALLOW_PRIVATE: registries.host },
  });
});
after(async () => {
  if (skip !== false) return;
  await server[Symbol.asyncDispose]();
  await registries.close();
});

const CODE = 'import { left } from "left"; export default () => new Response(left);';

async function deploy(
  dependencies: object,
  code = CODE,
  more: object = {},
): Promise<{ status: number; detail: string }> {
  const manifest = JSON.stringify({ dependencies, scripts: { preinstall: 'exit 1' } });
  const response = await fetch(`${server.url}/api/v1/functions/app`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ files: { 'index.ts': code, 'package.json': manifest, ...more }, entry: 'index.ts' }),
  });
  const { detail = '' } = (await response.json()) as { detail?: string };
  return { status: response.status, detail };
}

suite('npm', { skip }, () => {
  test('installs what a package.json names, and runs no script of anybody', async () => {
    assert.deepEqual(await deploy({ left: '^1.0.0' }), { status: 200, detail: '' });
    assert.equal(await (await fetch(`${server.url}/fn/app`)).text(), 'right left');
    assert.ok(registries.asked.includes('/npm/left/-/left-1.2.3.tgz'));
  });

  test('is not asked for packages that the code does not import', async () => {
    const asked = registries.asked.length;
    assert.equal((await deploy({ nobody: '1' }, 'export default () => new Response("alone")')).status, 200);
    assert.equal(await (await fetch(`${server.url}/fn/app`)).text(), 'alone');
    assert.equal(registries.asked.length, asked);
  });

  test('reaches the operator’s registry and nothing else', async () => {
    const { status, detail } = await deploy({ outside: '1' }, 'import "outside"; export default () => 1');
    assert.equal(status, 400);
    assert.match(detail, /can't be installed.*egress does not allow it/);
  });

  test('is never given what leads elsewhere', async () => {
    const asked = registries.asked.length;
    for (const range of ['file:..', 'git+https://example.com/x.git', 'user/repo', 'http://127.0.0.1/x.tgz']) {
      const { status, detail } = await deploy({ left: range });
      assert.deepEqual([status, detail.startsWith('package.json: left is "')], [400, true], detail);
    }
    const { status, detail } = await deploy({ left: '1' }, CODE, { '.npmrc': 'registry=http://127.0.0.1:1' });
    assert.deepEqual([status, detail.startsWith('.npmrc: it is not taken')], [400, true], detail);
    assert.equal(registries.asked.length, asked);
  });
});
