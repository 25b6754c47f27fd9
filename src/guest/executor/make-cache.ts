/**
 * Makes a code cache of the bootstrap: runs it in fresh contexts with the executors' own V8 flags, exercises what first
 * requests touch, and writes V8's cache of all that was compiled to standard output. It never sees user code.
 *
 * Takes the bootstrap's path and which cache it is to be: `lean` holds what every function needs and `full` what many
 * do besides, since an isolate reads all of its cache when it is made.
 */

import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import vm from 'node:vm';
import { HAND_OVER, handingOver } from '../../lib/hand-over.ts';
import type { ReplyKind } from '../../wire/frames.ts';
import { In } from '../isolate/mailbox.ts';

const [guestFile = '', kind = 'lean'] = process.argv.slice(2);
const script = new vm.Script(readFileSync(guestFile, 'utf8'), { filename: 'cordon:guest' });

const SPEC = {
  interleaves: true,
  responseBytes: 1e7,
  logBytes: 1e5,
  pendingTimers: 1_000,
  env: {},
  functionName: 'warm',
  kind: 'module',
  name: 'handler',
  memoryMb: 128,
};
/** In which the longest of the calls ends. */
const TURNS = 5;
const REPLY = `{ statusCode: 200, headers: { a: 'b' }, body: JSON.stringify({ a: 1 }) }`;
const ANSWERS = `new Response('a', { headers: { a: 'b' } })`;

/** Called over HTTP. */
const FETCHES = [
  `{ fetch: () => new Response('a') }`,
  `{ fetch: async (request) => { request.headers.get('a'); return ${ANSWERS}; } }`,
];
/** Called over HTTP, and by `POST /execute`, which awaits are not lowered for. */
const FUNCTIONS = [
  `() => (${REPLY})`,
  `async (request) => { globalThis.console.info(request.url, { a: [1] }); return ${REPLY}; }`,
];
/** What many functions touch besides. */
const OF_FULL = [
  `async (request) => {
    globalThis.console.error('a %s', new Error('a'));
    const url = new URL('/a?b=1', 'http://localhost/');
    url.searchParams.set('c', '2');
    return Response.json({ a: url.href, b: new URLSearchParams({ a: '1' }).toString(), c: new URL('http://LOCALHOST').host });
  }`,
  `async (request) => {
    const { readable, writable } = new TransformStream({ transform: (chunk, controller) => controller.enqueue(chunk) });
    const writer = writable.getWriter();
    writer.write(new TextEncoder().encode('a'));
    writer.close();
    const reader = readable.getReader();
    while (!(await reader.read()).done);
    const body = new ReadableStream({ pull: (controller) => (controller.enqueue('a'), controller.close()) });
    return new Response(body.pipeThrough(new TextEncoderStream()));
  }`,
  `async (request) => {
    const signal = AbortSignal.any([new AbortController().signal, AbortSignal.timeout(5)]);
    signal.addEventListener('abort', () => undefined);
    new EventTarget().dispatchEvent(new Event('a'));
    await new Promise((resolve) => setTimeout(resolve, 0));
    return new Response(new TextDecoder().decode(await new Response(await request.text()).bytes()));
  }`,
  `async () => new Response(crypto.randomUUID() + crypto.getRandomValues(new Uint8Array(2)) + btoa(atob('YQ==')) + performance.now())`,
];

for (const handler of [...FETCHES, ...FUNCTIONS]) await run(handler, 'GET', 'http', true);
for (const handler of FUNCTIONS) await run(handler, 'GET', 'value', false);
if (kind === 'full') for (const handler of OF_FULL) await run(handler, 'POST', 'http', true);
process.stdout.write(script.createCachedData());

/** One call of one function. */
async function run(handler: string, method: string, reply: ReplyKind, interleaves: boolean): Promise<void> {
  const context = vm.createContext({});
  // A bare engine's console writes nowhere.
  vm.runInContext('delete globalThis.console', context);
  const port = script.runInContext(context) as (...args: unknown[]) => unknown;
  const spec = JSON.stringify({ ...SPEC, interleaves });
  port('load', HAND_OVER, spec, new ArrayBuffer(32), new SharedArrayBuffer(8));
  vm.runInContext(handingOver(`() => ({ default: ${handler} })`), context);
  port('start', 'script');
  const body = method === 'POST' ? '{"a":1}' : null;
  const meta = [1, 0, 1000, method, 'http://localhost/a?b=c', ['a', 'b'], reply, '127.0.0.1', 'warm', null, null];
  port([JSON.stringify([[In.CALL, 1, body, meta]])]);
  for (let turn = 0; turn < TURNS; turn++) {
    await setImmediate();
    port();
    port([JSON.stringify([[In.TIMER, 1]])]);
  }
}
