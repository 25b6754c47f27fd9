/** fetch() of what the sandbox has itself: data: and blob: URLs. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bareContext, plain } from './bare.ts';

/** What the code's promise gives, as JSON; what it throws by its name and message. */
const read = async (code: string): Promise<unknown> =>
  plain(await bareContext().run(`(async () => { ${code} })().catch((e) => e.name + ': ' + e.message)`));

const show = (url: string): string =>
  `const r = await fetch(${JSON.stringify(url)}); return [r.status, r.headers.get('content-type'), await r.text()];`;

for (const [url, type, body] of [
  ['data:,hello', 'text/plain;charset=US-ASCII', 'hello'],
  ['data:text/html,<p>%20a%zz%4', 'text/html', '<p> a%zz%4'],
  ['data:text/plain;charset=utf-8;base64,aGVs bG8=', 'text/plain;charset=utf-8', 'hello'],
  ['data:;charset=x;BASE64 ,aGk', 'text/plain;charset=x', 'hi'],
  ['data:nonsense;base64,aGk%3D', 'text/plain;charset=US-ASCII', 'hi'],
  ['data:text/plain,a#fragment', 'text/plain', 'a'],
  ['data:application/json,{"a":1,"b":2}', 'application/json', '{"a":1,"b":2}'],
] as const)
  test(`${url} is fetched`, async () => assert.deepEqual(await read(show(url)), [200, type, body]));

for (const url of ['data:no comma', 'data:;base64,!', 'blob:null/7', 'blob:http://a/x'])
  test(`${url} is refused as a network error would be`, async () =>
    assert.match(String(await read(show(url))), /^TypeError: fetch failed: /));

test('nothing of them is asked of the host, and they need no invocation', async () => {
  const context = bareContext();
  context.reply = 'outside';
  const text: unknown = await context.run(`fetch('data:,here').then((r) => r.text())`);
  assert.equal(text, 'here');
  assert.equal(context.fetched.length, 0);
});

test('a Blob has a URL until that is revoked', async () => {
  assert.deepEqual(
    await read(`
      const url = URL.createObjectURL(new Blob(['abc'], { type: 'text/css' }));
      const r = await fetch(url + '#part');
      const found = [url.slice(0, 10), r.url === url, r.headers.get('content-type'), r.headers.get('content-length'), await r.text()];
      const posted = await fetch(url, { method: 'POST' }).catch((e) => e.name);
      URL.revokeObjectURL(url + '#part');
      const still = await fetch(url).then((x) => x.text());
      URL.revokeObjectURL(url);
      return [...found, posted, still, await fetch(url).catch((e) => e.name)];`),
    ['blob:null/', true, 'text/css', '3', 'abc', 'TypeError', 'abc', 'TypeError'],
  );
});

test('what is read of a blob: URL is a copy', async () => {
  assert.equal(
    await read(`const blob = new Blob(['abc']); const url = URL.createObjectURL(blob);
      new Uint8Array(await (await fetch(url)).arrayBuffer()).fill(65);
      const reader = (await fetch(url)).body.getReader(); (await reader.read()).value.fill(66);
      return await blob.text();`),
    'abc',
  );
});

test('there is a bound on blob: URLs, and what is no Blob gets none', async () => {
  assert.deepEqual(
    await read(`const names = []; const blob = new Blob([]);
      try { for (;;) URL.createObjectURL(blob); } catch (e) { names.push(e.name); }
      try { URL.createObjectURL({}); } catch (e) { names.push(e.name); }
      return names;`),
    ['QuotaExceededError', 'TypeError'],
  );
});

test('HEAD and an aborted signal do as they do elsewhere', async () => {
  assert.deepEqual(
    await read(`const head = await fetch('data:,abc', { method: 'HEAD' });
      return [head.status, await head.text(), await fetch('data:,abc', { signal: AbortSignal.abort() }).catch((e) => e.name)];`),
    [200, '', 'AbortError'],
  );
});
