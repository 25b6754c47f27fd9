/** Modules that imports name by address: the CLI sends their map, the server fetches them, and stacks name the author's lines. */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { ADMIN_TOKEN, CLI, startTestServer, type TestServer } from '../support/server.ts';

const MODULES: Readonly<Record<string, string>> = {
  '/greet/mod.ts': `import { shout } from './shout.ts';\nexport const greet = (name: string): string => shout(\`hello \${name}\`);\n`,
  '/greet/shout.ts': `export const shout = (text: string): string => text.toUpperCase() + '!';\n`,
};

const FUNCTION = `import { greet } from 'greet/mod.ts';

interface Named { readonly name: string }

function failing({ name }: Named): never {
  throw new Error(\`no \${name} today\`);
}

export default {
  async fetch(request: Request): Promise<Response> {
    const name = new URL(request.url).searchParams.get('name') ?? 'nobody';
    if (name === 'fail') failing({ name });
    return new Response(greet(name));
  },
};
`;

let folder: string;
let origin: Server;
let port: number;
let asked: string[];
let server: TestServer;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cordon-modules-'));
  const subject = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', ...subject, ...names, ...files], { stdio: 'ignore' });
  const identity = { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(join(folder, 'cert.pem')) };
  asked = [];
  origin = createServer(identity, ({ url = '' }, response) => {
    asked.push(url);
    if (url.startsWith('/latest/'))
      return void response.writeHead(302, { location: url.slice('/latest'.length) }).end();
    if (url.startsWith('/plain/')) return void response.writeHead(302, { location: 'http://localhost/x.ts' }).end();
    const code = MODULES[url];
    response
      .writeHead(code === undefined ? 404 : 200, { 'content-type': 'application/typescript' })
      .end(code ?? 'gone');
  });
  await once(origin.listen(0, 'localhost'), 'listening');
  ({ port } = origin.address() as AddressInfo);
  server = await startTestServer({
    env: { CORDON_EGRESS_ALLOW_PRIVATE: `localhost:${port}`, NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem') },
  });
});

after(async () => {
  await server[Symbol.asyncDispose]();
  origin.close();
  rmSync(folder, { recursive: true });
});

async function deploy(imports: Record<string, string>): Promise<{ code: number | null; said: string }> {
  writeFileSync(join(folder, 'deno.json'), JSON.stringify({ imports }));
  writeFileSync(join(folder, 'hello.ts'), FUNCTION);
  const env = { PATH: process.env['PATH'] ?? '', CORDON_URL: server.url, CORDON_ADMIN_TOKEN: ADMIN_TOKEN };
  const child = spawn(process.execPath, [CLI, 'deploy', 'hello.ts', '--name', 'hello'], { cwd: folder, env });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: code as number | null, said: out + err };
}

test('an import map’s address is fetched at deploy, through a redirect, with what it imports itself', async () => {
  const { code, said } = await deploy({ 'greet/': `https://localhost:${port}/latest/greet/` });
  assert.equal(code, 0, said);
  const answer = await fetch(`${server.url}/fn/hello?name=ann`);
  assert.equal(await answer.text(), 'HELLO ANN!');
  assert.deepEqual(asked, ['/latest/greet/mod.ts', '/greet/mod.ts', '/greet/shout.ts']);
});

test('what was fetched is kept with the sources of the version', async () => {
  const answer = await fetch(`${server.url}/api/v1/functions/hello/versions/1?sources=1`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  const { files } = (await answer.json()) as { files: Record<string, string> };
  const kept = Object.entries(files).filter(([path]) => path.startsWith('.cordon/modules/'));
  assert.equal(kept.length, 2);
  assert.ok(kept.some(([, content]) => content.includes('export const shout')));
});

test('a stack names the lines of the author’s file', async () => {
  const answer = await fetch(`${server.url}/fn/hello?name=fail`);
  assert.equal(answer.status, 502);
  const query = { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } };
  const invoked = await fetch(`${server.url}/api/v1/functions/hello/invoke`, {
    ...query,
    method: 'POST',
    headers: { ...query.headers, 'content-type': 'application/json' },
    body: JSON.stringify({ path: '/?name=fail' }),
  });
  const said = await invoked.text();
  assert.match(said, /failing \(hello\.ts:6:9\)/);
  assert.match(said, /hello\.ts:12:/);
});

test('a module that is not there, or lies behind a redirect to http, fails the deployment with the reason', async () => {
  const lost = await deploy({ 'greet/': `https://localhost:${port}/lost/` });
  assert.equal(lost.code, 1);
  assert.match(lost.said, /localhost:\d+ answered 404/);
  const plain = await deploy({ 'greet/': `https://localhost:${port}/plain/` });
  assert.match(plain.said, /redirects to what is not https:/);
});

test('a module at a forbidden address is refused as a fetch would be', async () => {
  const { code, said } = await deploy({ 'greet/': 'https://127.0.0.1:1/' });
  assert.equal(code, 1);
  assert.match(said, /SSRF guard blocked|not allowed|refused/i);
});
