/** Node's own clients through the whole server, where a function has a whole Node: the same rules, secrets and audit as fetch. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startNetworkWorld, type NetworkWorld } from '../support/network-world.ts';
import { ADMIN_TOKEN, deployed, startTestServer, type TestServer } from '../support/server.ts';

/** `?url=` is asked for by the module that the scheme says; the answer is its status, or the error's code, and what it said. */
const CLIENT = `import http from 'node:http'; import https from 'node:https'; import { text } from 'node:stream/consumers';
export default { async fetch(request) {
  const url = new URL(request.url).searchParams.get('url');
  const options = { headers: { 'x-key': process.env.API_KEY ?? '' }, ca: process.env.CA };
  return await new Promise((resolve) => {
    (url.startsWith('https') ? https : http)
      .get(url, options, async (response) => resolve(Response.json([response.statusCode, await text(response)])))
      .on('error', ({ code, message }) => resolve(Response.json([code, message])));
  });
} }`;

/** The same by another Node, which the function starts. */
const CHILD = `import { execFile } from 'node:child_process';
const code = "fetch(process.argv[1]).then(async (r) => console.log(JSON.stringify([r.status, await r.text()])), (e) => console.log(JSON.stringify(['failed', String(e.cause)])))";
export default { fetch: (request) => new Promise((resolve) => {
  const url = new URL(request.url).searchParams.get('url');
  execFile(process.execPath, ['-e', code, url], (error, out) => resolve(new Response(error === null ? out : String(error))));
}) }`;

let world: NetworkWorld;
let server: TestServer;

before(async () => {
  world = await startNetworkWorld();
  server = await startTestServer({
    env: {
      CORDON_EGRESS_ALLOW_PRIVATE: Object.values(world.places).join(','),
      CORDON_DNS_SERVERS: world.dnsServer,
    },
  });
});
after(async () => {
  await server?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

const ask = async (at: string, url: string): Promise<[number | string, string]> => {
  const response = await fetch(`${at}?url=${encodeURIComponent(url)}`);
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as [number | string, string];
};

const operator = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${server.url}/api/v1/${path}`, {
    ...init,
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
  });

for (const tier of ['worker', 'container'])
  describe(`a function of the tier ${tier}`, () => {
    test('asks by http and https, with its bound secret where the host can see it', async () => {
      const name = `client-${tier}`;
      const at = await deployed(server, name, CLIENT, { tier, env: { CA: world.ca } });
      const bound = await operator(`functions/${name}/secrets`, {
        method: 'PUT',
        body: JSON.stringify({
          variables: [{ name: 'API_KEY', value: 'sk-live-0123456789', secret: true, hosts: [world.places.http] }],
        }),
      });
      assert.equal(bound.status, 200, await bound.text());
      const [plain] = await ask(at, `http://${world.places.http}/plain`);
      assert.equal(plain, 200);
      assert.equal(world.requests.at(-1)?.headers['x-key'], 'sk-live-0123456789');
      const [secure] = await ask(at, `https://${world.places.https}/secure`);
      assert.equal(secure, 200);
      assert.doesNotMatch(String(world.requests.at(-1)?.headers['x-key']), /sk-live/);
    });

    test('is refused what fetch is refused, and the audit has it', async () => {
      const at = await deployed(server, `refused-${tier}`, CLIENT, { tier });
      const [plain, problem] = await ask(at, 'http://inner.test/');
      assert.equal(plain, 452);
      assert.match(problem, /SSRF guard blocked outbound request to inner\.test/);
      assert.deepEqual(await ask(at, 'https://169.254.169.254/'), [
        'EGRESS_BLOCKED',
        'connect 169.254.169.254:443: SSRF guard blocked outbound request to 169.254.169.254',
      ]);
      const audit = await (await operator('audit')).text();
      assert.match(audit, new RegExp(`egress\\.refused.*refused-${tier}`, 's'));
    });

    test('reaches no more than its allow-list names', async () => {
      const at = await deployed(server, `listed-${tier}`, CLIENT, { tier, egress: { allow: ['elsewhere.test'] } });
      const [code, message] = await ask(at, `https://${world.places.https}/`);
      assert.equal(code, 'EGRESS_BLOCKED');
      assert.match(message, /allow-list/);
      assert.equal((await ask(at, `http://${world.places.http}/`))[0], 452);
    });
  });

test('a program that a container starts goes through the host, and is refused what it may not reach', async () => {
  const at = await deployed(server, 'parent', CHILD, { tier: 'container' });
  assert.equal((await ask(at, `http://${world.places.http}/child`))[0], 200);
  const [refused, why] = await ask(at, 'http://inner.test/');
  assert.deepEqual([refused, /SSRF guard/.test(why)], [452, true]);
});
