/** Rejections that nobody handles, in a real sandbox. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isolateSandboxes } from '../../../support/isolate-sandboxes.ts';

const sandboxes = isolateSandboxes();
const { lines } = sandboxes;

const handler = (body: string, before = ''): string =>
  `${before}\nexport default { async fetch(request, env, ctx) { ${body}\nreturn new Response('done'); } };`;

/** What an invocation of this body leaves in its own log. */
async function logOf(body: string, before = ''): Promise<string[]> {
  const opened = await sandboxes.open(handler(body, before));
  const id = `call-${Math.random()}`;
  assert.equal((await opened.call({ id })).body, 'done');
  return lines.filter(({ invocation }) => invocation === id).map(({ level, message }) => `${level}: ${message}`);
}

for (const [name, body] of [
  ['of an async function', `(async () => { await null; throw new Error('lost'); })();`],
  ['of an async function that throws at once', `(async () => { throw new Error('lost'); })();`],
  ['made rejected', `Promise.reject(new Error('lost'));`],
  ['rejected by its executor', `new Promise((_, reject) => reject(new Error('lost')));`],
  ['whose executor throws', `new Promise(() => { throw new Error('lost'); });`],
  ['rejected from outside', `Promise.withResolvers().reject(new Error('lost'));`],
  ['whose reaction throws', `Promise.resolve().then(() => { throw new Error('lost'); });`],
  ['passed through then', `Promise.reject(new Error('lost')).then(() => 1);`],
  ['passed through finally', `Promise.reject(new Error('lost')).finally(() => 1);`],
  ['that catch throws again', `Promise.reject(new Error('first')).catch(() => { throw new Error('lost'); });`],
  ['that follows another', `new Promise((resolve) => resolve(Promise.reject(new Error('lost'))));`],
  ['returned by a reaction', `Promise.resolve().then(() => Promise.reject(new Error('lost')));`],
  ['of a thenable', `Promise.resolve({ then(_, reject) { reject(new Error('lost')); } });`],
  ['of a thenable that throws', `Promise.resolve().then(() => ({ then() { throw new Error('lost'); } }));`],
  ['of Promise.all', `Promise.all([1, Promise.reject(new Error('lost'))]);`],
  ['of Promise.any', `Promise.any([Promise.reject(1)]).catch((error) => { throw new Error('lost'); });`],
  ['of the web API', `new Response('no json').json();`],
  ['of a subclass', `class Own extends Promise {}; Own.reject(new Error('lost'));`],
  ['given to waitUntil', `ctx.waitUntil(Promise.reject(new Error('lost')));`],
] as const)
  test(`a rejection ${name} that nobody handles is an error in the log of its invocation`, async () => {
    const log = await logOf(body);
    assert.equal(log.length, 1, log.join('\n'));
    assert.match(
      log[0]!,
      name === 'of the web API'
        ? /^error: Uncaught \(in promise\) SyntaxError/
        : /^error: Uncaught \(in promise\) Error: lost\n {4}at /,
    );
  });

for (const [name, body] of [
  ['awaited', `try { await (async () => { throw new Error('kept'); })(); } catch {}`],
  ['caught', `Promise.reject(new Error('kept')).catch(() => 1);`],
  ['caught behind then', `Promise.reject(new Error('kept')).then(() => 1).then(() => 2).catch(() => 3);`],
  ['caught behind finally', `Promise.reject(new Error('kept')).finally(() => 1).catch(() => 1);`],
  [
    'caught a few microtasks later',
    `const p = Promise.reject(new Error('kept')); await null; await null; p.catch(() => 1);`,
  ],
  ['rejected after it was resolved', `new Promise((resolve, reject) => { resolve(1); reject(new Error('kept')); });`],
  ['thrown after it was resolved', `new Promise((resolve) => { resolve(1); throw new Error('kept'); });`],
  [
    'followed by one that is handled',
    `const p = Promise.reject(new Error('kept')); new Promise((resolve) => resolve(p)).catch(() => 1);`,
  ],
  [
    'that a thenable was resolved before',
    `await { then(resolve, reject) { resolve(1); reject(new Error('kept')); } };`,
  ],
  ['settled', `await Promise.allSettled([Promise.reject(new Error('kept'))]);`],
  ['raced', `await Promise.race([Promise.resolve(1), Promise.reject(new Error('kept'))]);`],
  [
    'one of many',
    `await Promise.all([Promise.reject(new Error('kept')), Promise.reject(new Error('kept'))]).catch(() => 1);`,
  ],
  [
    'of a stream that is cancelled',
    `const s = new ReadableStream({ start(c) { c.error(new Error('kept')); } }); await s.getReader().read().catch(() => 1);`,
  ],
  [
    'of a pipe',
    `await new ReadableStream({ start(c) { c.error(new Error('kept')); } }).pipeTo(new WritableStream()).catch(() => 1);`,
  ],
  [
    'of an async generator',
    `try { for await (const _ of (async function* () { throw new Error('kept'); })()); } catch {}`,
  ],
  ['of an abort', `await fetch('http://a/', { signal: AbortSignal.abort() }).catch(() => 1);`],
  ['of a subclass', `class Own extends Promise {}; await Own.reject(new Error('kept')).catch(() => 1);`],
] as const)
  test(`a rejection ${name} is nobody's error`, async () => assert.deepEqual(await logOf(body), []));

test('unhandledrejection tells its listener the promise and the reason, in the invocation that they belong to', async () => {
  const log = await logOf(
    `lost = Promise.reject(reason = new Error('mine'));`,
    `let lost, reason;
     addEventListener('unhandledrejection', (event) => {
       event.preventDefault();
       console.log(event.type, event.promise === lost, event.reason === reason, event.cancelable);
     });`,
  );
  assert.deepEqual(log, ['info: unhandledrejection true true true']);
});

test('onunhandledrejection hears it, and the error is logged where it does not prevent that', async () => {
  const log = await logOf(
    `Promise.reject('plain');`,
    `onunhandledrejection = (event) => console.log('heard', event.reason);`,
  );
  assert.deepEqual(log, ['info: heard plain', 'error: Uncaught (in promise) plain']);
});

test('rejectionhandled tells of a handler that came in a later turn', async () => {
  const log = await logOf(
    `const lost = Promise.reject(new Error('late'));
     await new Promise((resolve) => setTimeout(resolve, 5));
     lost.catch(() => console.log('caught'));
     await new Promise((resolve) => setTimeout(resolve, 5));`,
    `addEventListener('unhandledrejection', (event) => event.preventDefault());
     onrejectionhandled = (event) => console.log(event.type, event.reason.message);`,
  );
  assert.deepEqual(log.toSorted(), ['info: caught', 'info: rejectionhandled late']);
});

test('a listener that rejects for ever holds up its own invocation for a few rounds only', async () => {
  const log = await logOf(
    `Promise.reject(0);`,
    `onunhandledrejection = (event) => { event.preventDefault(); console.log('again'); Promise.reject(event.reason + 1); };`,
  );
  assert.ok(log.length > 1 && log.length < 20, `${log.length} lines`);
});

test('interleaved invocations have their own rejections', async () => {
  const opened = await sandboxes.open(
    handler(
      `const name = new URL(request.url).pathname; (async () => { await gate; throw new Error(name); })();
      if (++here === 3) open(); await gate;`,
      'let here = 0; let open; const gate = new Promise((resolve) => { open = resolve; });',
    ),
  );
  await Promise.all(['x1', 'x2', 'x3'].map((id) => opened.call({ id, url: `http://localhost/${id}` })));
  for (const id of ['x1', 'x2', 'x3']) {
    const own = lines.filter(({ invocation }) => invocation === id);
    assert.equal(own.length, 1);
    assert.ok(own[0]!.message.includes(`/${id}`), own[0]!.message);
  }
});

test('a rejection while the code loads is logged, and the code serves', async () => {
  const opened = await sandboxes.open(handler('', `Promise.reject(new Error('at load'));`));
  assert.equal((await opened.call()).body, 'done');
  const line = await sandboxes.line(({ message }) => message.includes('at load'));
  assert.equal(line.invocation, null);
  assert.equal(line.level, 'error');
});

for (const [name, code] of [
  ['an async function', `(async () => { await null; throw new Error('raw'); })(); return 1;`],
  ['a promise', `Promise.reject(new Error('raw')); return 1;`],
] as const)
  test(`code that was not built logs what ${name} rejects with`, async () => {
    const opened = sandboxes.openSource(code);
    const id = `raw-${name}`;
    await opened.call({ id, reply: 'value' });
    const own = lines.filter(({ invocation }) => invocation === id);
    assert.equal(own.length, 1);
    assert.match(own[0]!.message, /^Uncaught \(in promise\) Error: raw\n {4}at /);
    assert.doesNotMatch(own[0]!.message, /boundary|cordon:|executor/);
  });

test('code that was not built and handles its rejections logs nothing', async () => {
  const opened = sandboxes.openSource(
    `try { await new Promise((_, reject) => reject(new Error('x'))); } catch {}
     await Promise.allSettled([fetch('no url'), (async () => { throw 1; })()]);
     await new Response('x').json().catch(() => 1);
     await new ReadableStream({ start(c) { c.error(1); } }).pipeTo(new WritableStream()).catch(() => 1);
     return 1;`,
  );
  await opened.call({ id: 'quiet', reply: 'value' });
  assert.deepEqual(
    lines.filter(({ invocation }) => invocation === 'quiet'),
    [],
  );
});

test('no rejection made the executor break the protocol', () => assert.deepEqual(sandboxes.broken, []));
