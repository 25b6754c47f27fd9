/** The worker tier by one word of whoever deploys, on a real server. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { deployed, startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => void (server = await startTestServer()));
after(() => server[Symbol.asyncDispose]());

test('a function that needs a whole Node is deployed to the worker tier and serves requests side by side', async () => {
  const url = await deployed(
    server,
    'zipped',
    `import { gunzipSync, gzipSync } from 'node:zlib';
     export default async (req) => { await null; return { statusCode: 200, body: gunzipSync(gzipSync(req.query.text)).toString() }; }`,
    { tier: 'worker' },
  );
  const texts = Array.from({ length: 20 }, (_, i) => `text${i}`);
  const answers = await Promise.all(texts.map(async (text) => (await fetch(`${url}?text=${text}`)).text()));
  assert.deepEqual(answers, texts);
});

test('a blocked address is refused there as everywhere', async () => {
  const url = await deployed(
    server,
    'reaching',
    `export default async () => { try { await fetch('http://127.0.0.1:9/'); return 'reached'; } catch (error) { return error.cause.code; } }`,
    { tier: 'worker' },
  );
  assert.equal(await (await fetch(url)).json(), 'EGRESS_BLOCKED');
});
