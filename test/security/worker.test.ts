/** Code that tries to get out of its worker, or at what is not its own: one named attack each. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workerSandboxes } from '../support/worker-sandboxes.ts';

const { open, run, spawn, logs } = workerSandboxes();

/** The code, or the message, of what each attempt throws or emits; `null` where it works. */
const attempts = (each: string): string => `
  const outcome = async (attempt) => {
    try { await attempt(); return null; } catch (error) { return error.code ?? error.message; }
  };
  const failed = (emitter) => new Promise((resolve, reject) => emitter.once('error', reject).once('spawn', resolve).once('connect', resolve));
  return Promise.all([${each}].map(outcome));`;

test('reading files of the host', async () => {
  assert.deepEqual(
    await run(
      attempts(`() => load('fs').readFileSync('/etc/passwd'), () => load('fs').readFileSync('/etc/shadow'),
        () => load('fs').readdirSync('/home'), () => load('fs').readdirSync('/work')`),
    ),
    ['ENOENT', 'ENOENT', 'ENOENT', 'ENOENT'],
  );
});

test('reading the environment of another process', async () => {
  const found = (await run(`
    const fs = load('fs');
    return fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).map((pid) => {
      try { return fs.readFileSync('/proc/' + pid + '/environ', 'utf8'); } catch (error) { return error.code; }
    });`)) as string[];
  for (const environment of found) assert.match(environment, /^(?:|E[A-Z]+)$/);
});

test('opening a sysctl for writing', async () => {
  const [pattern, release] = (await run(
    attempts(`() => load('fs').openSync('/proc/sys/kernel/core_pattern', 'w'),
      () => load('fs').openSync('/proc/sys/kernel/hostname', 'r+')`),
  )) as string[];
  assert.match(`${pattern} ${release}`, /^E(?:ACCES|PERM|ROFS|NOENT) E(?:ACCES|PERM|ROFS|NOENT)$/);
});

test('starting a program', async () => {
  const found = (await run(
    attempts(`() => failed(load('child_process').spawn('/bin/sh', ['-c', 'true'])),
      () => load('child_process').execFileSync('/cordon/node', ['--version']),
      () => failed(load('child_process').fork('/cordon/x.js')),
      () => process.execve('/cordon/node', ['node'])`),
  )) as (string | null)[];
  assert.equal(found.includes(null), false, JSON.stringify(found));
});

test('opening a connection', async () => {
  const found = await run(`
    const net = load('net'), http = load('http'), dns = load('dns');
    const error = (emitter) => new Promise((resolve) => emitter.once('error', resolve).once('connect', () => resolve({ code: 'CONNECTED' })));
    const found = [await error(net.connect(80, '127.0.0.1')), await error(http.get('http://example.com/')),
      await dns.promises.lookup('example.com').catch((e) => e)];
    const udp = await new Promise((resolve) => { try { const s = load('dgram').createSocket('udp4'); s.on('error', (e) => resolve(e.code)); s.send('x', 53, '127.0.0.1', (e) => resolve(e?.code ?? 'SENT')); } catch (e) { resolve(e.code); } });
    return [...found.map(({ code, message }) => [code, /fetch\\(\\)/.test(message)]), udp !== 'SENT'];`);
  assert.deepEqual(found, [['ENETUNREACH', true], ['ENETUNREACH', true], ['ENOTFOUND', true], true]);
});

test('loading native code', async () => {
  const found = (await run(
    attempts(`() => process.dlopen({ exports: {} }, '/cordon/x.node'), () => process.binding('fs'),
      () => load('node:ffi'), () => { load('fs').writeFileSync('/tmp/x.node', 'no'); load('/tmp/x.node'); }`),
  )) as (string | null)[];
  assert.equal(found.includes(null), false, JSON.stringify(found));
});

test('opening the inspector', async () => {
  const [opened] = (await run(attempts(`() => load('inspector').open(0, '127.0.0.1')`))) as (string | null)[];
  assert.notEqual(opened, null);
});

test('filling the disk', async () => {
  assert.equal(
    await run(
      `try { for (let i = 0; i < 100; i++) load('fs').writeFileSync('/tmp/' + i, Buffer.alloc(1e6)); return 'all'; } catch (error) { return error.code; }`,
    ),
    'ENOSPC',
  );
});

test('ending the process', async () => {
  const opened = await open(`export default { fetch(request) {
    if (request.url.endsWith('exit')) process.exit(3);
    if (request.url.endsWith('kill')) process.kill(process.pid, 'SIGKILL');
    return new Response('here');
  } }`);
  const neighbour = await open(`export default { fetch: () => new Response('still here') }`);
  assert.equal((await opened.fault({ url: 'http://localhost/kill' })).code, 'HANDLER_THREW');
  const fault = await opened.fault({ url: 'http://localhost/exit' });
  assert.deepEqual([fault.code, fault.message], ['HANDLER_THREW', 'The function called process.exit(3)']);
  assert.equal((await neighbour.call()).body, 'still here');
});

test('an error that nobody catches', async () => {
  const opened = await open(`export default { async fetch(request) {
    const how = new URL(request.url).pathname;
    if (how === '/timer') setTimeout(() => { throw new Error('in a timer'); }, 1);
    if (how === '/promise') Promise.reject(new Error('in a promise'));
    if (how !== '/') await new Promise(() => {});
    return new Response('here');
  } }`);
  for (const [path, message] of [
    ['timer', 'in a timer'],
    ['promise', 'in a promise'],
  ]) {
    const [fault, bystander] = await Promise.all([opened.fault({ url: `http://localhost/${path}` }), opened.call()]);
    assert.deepEqual([fault.code, fault.message, bystander.body], ['HANDLER_THREW', message, 'here']);
  }
});

test('forging the frames of another invocation', async () => {
  const opened = await open(`
    import { workerData } from 'node:worker_threads';
    const frame = (type, stream, meta) => {
      const text = Buffer.from(meta); const bytes = Buffer.alloc(13 + text.length);
      bytes.writeUInt32LE(9 + text.length, 0); bytes[4] = type; bytes.writeUInt32LE(stream, 5); bytes.writeUInt32LE(text.length, 9); text.copy(bytes, 13);
      return new Uint8Array(bytes);
    };
    export default { async fetch(request) {
      if (request.url.endsWith('ok')) return new Response('mine');
      for (let stream = 0; stream < 200; stream++) for (const type of [17, 18, 19, 20, 21, 24, 26, 32, 99])
        workerData.port.postMessage(frame(type, stream, '[200,["x-forged","1"],1]'));
      return new Response('forged');
    } }`);
  const victim = await open(`export default { async fetch(request) {
    await new Promise((resolve) => setTimeout(resolve, 300)); return new Response('untouched');
  } }`);
  const [answer] = await Promise.all([victim.call(), opened.call().catch(() => null)]);
  assert.deepEqual([answer.body, answer.headers.includes('x-forged')], ['untouched', false]);
});

test('sending its executor what is no frame', async () => {
  const where = await spawn();
  const opened = await open(
    `import { workerData, parentPort } from 'node:worker_threads';
     export default { async fetch() {
       parentPort.postMessage({ garbage: true });
       workerData.port.postMessage(new Uint8Array(100).fill(255));
       workerData.port.postMessage('not bytes');
       await new Promise(() => {});
     } }`,
    {},
    where,
  );
  const neighbour = await open(`export default { fetch: () => new Response('here') }`, {}, where);
  assert.equal((await opened.fault()).code, 'SANDBOX_RECYCLED');
  assert.equal((await neighbour.call()).body, 'here');
});

test('code that spins while it loads, or after it has answered', async () => {
  const loading = await open(`for (;;); export default {}`, { limits: { timeoutMs: 500 } });
  assert.equal((await loading.fault()).code, 'TIMED_OUT');
  const later = await open(
    `export default { fetch() { setTimeout(() => {}, 1); process.nextTick(() => setImmediate.call(null, () => {})); queueMicrotask(() => { for (;;); }); return new Response('x'); } }`,
    {
      limits: { timeoutMs: 500 },
    },
  );
  assert.equal((await later.fault()).code, 'TIMED_OUT');
});

test('a flood of lines', async () => {
  const before = logs.length;
  const opened = await open(
    `export default { fetch() { for (let i = 0; i < 1e4; i++) { console.log('x'.repeat(100)); process.stdout.write('y'.repeat(100) + '\\n'); } return new Response(''); } }`,
    { limits: { logBytes: 5_000 } },
  );
  await opened.call();
  assert.ok(logs.length - before < 60, `${logs.length - before}`);
});
