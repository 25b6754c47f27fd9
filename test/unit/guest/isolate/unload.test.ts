/** `beforeunload` in a real sandbox. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isolateSandboxes } from '../../../support/isolate-sandboxes.ts';

const sandboxes = isolateSandboxes();

test('a function hears that its sandbox is closed, and what it logs then is kept', async () => {
  const opened = await sandboxes.open(`
    addEventListener('beforeunload', (event) => { console.log('closing', event.type, event.detail?.reason); setTimeout(() => console.log('a little later'), 5); });
    export default { fetch: () => new Response('served') };`);
  assert.equal((await opened.call()).body, 'served');
  opened.sandbox.close();
  const line = await sandboxes.line(({ message }) => message.startsWith('closing'));
  assert.deepEqual(line, { invocation: null, level: 'info', message: 'closing beforeunload early_drop' });
  await sandboxes.line(({ message }) => message === 'a little later');
});

test('onbeforeunload is such a listener too', async () => {
  const opened = await sandboxes.open(`
    onbeforeunload = (event) => console.log('property', event.detail.reason, typeof onbeforeunload);
    export default { fetch: () => new Response('') };`);
  await opened.call();
  opened.sandbox.close();
  assert.equal(
    (await sandboxes.line(({ message }) => message.startsWith('property'))).message,
    'property early_drop function',
  );
});

test('an invocation that nears its time hears so once, in its own log', async () => {
  const opened = await sandboxes.open(
    `addEventListener('beforeunload', (event) => { console.log('warned', event.detail.reason); warned(); });
     let warned;
     export default { async fetch() { await new Promise((resolve) => { warned = resolve; }); return new Response('in time'); } };`,
    { limits: limits(20_000) },
  );
  assert.equal((await opened.call({ id: 'slow' })).body, 'in time');
  assert.deepEqual(
    sandboxes.lines.filter(({ invocation }) => invocation === 'slow').map(({ message }) => message),
    ['warned wall_clock'],
  );
});

test('a listener that never ends does not keep its sandbox', async () => {
  const opened = await sandboxes.open(`
    addEventListener('beforeunload', () => { console.log('spinning'); for (;;); });
    export default { fetch: () => new Response('') };`);
  const neighbour = await sandboxes.open(`export default { fetch: () => new Response('here') };`);
  await opened.call();
  opened.sandbox.close();
  for (let i = 0; i < 20; i++) assert.equal((await neighbour.call()).body, 'here');
  assert.deepEqual(sandboxes.broken, []);
});

function limits(timeoutMs: number): never {
  return { concurrency: 64, memoryMb: 128, timeoutMs } as never;
}
