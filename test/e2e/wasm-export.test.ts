/** `cordon/wasm`, as it is built: in Node and in workerd, which has no process, no thread and no file. */

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { WasmOutcome, WasmRun, WasmRuntime, WasmRuntimeOptions } from '../../src/guest/embedded/runtime.ts';
import { makeEmbeddedFiles } from '../../src/tiers/wasm/embedded-files.ts';
import { startWorkerd, type Workerd } from '../support/workerd.ts';

type Run = (options: Omit<WasmRun, 'fetch'> & { readonly fetches?: boolean }) => Promise<WasmOutcome>;

/** Runs what it is sent; a body is text on the way back. */
const WORKER = `
import { createWasmRuntime } from './index.js';
import wasmModule from './quickjs.wasm';
const runtime = createWasmRuntime({ wasmModule });
export default { async fetch(request) {
  const { fetches, ...options } = await request.json();
  const fetch = async (inner) => new Response(inner.method + ' ' + inner.url + ' ' + (await inner.text()), { status: 201 });
  const outcome = await runtime.run({ ...options, ...(fetches ? { fetch } : {}) });
  if (outcome.response) outcome.response.body = new TextDecoder().decode(outcome.response.body);
  return Response.json(outcome);
} };`;

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cordon-embedded-'));
  await makeEmbeddedFiles(folder, join(folder, 'cache'));
});
after(() => rm(folder, { recursive: true, force: true }));

describe('cordon/wasm in Node', () => {
  let runtime: WasmRuntime;
  before(async () => {
    const { createWasmRuntime } = (await import(join(folder, 'index.js'))) as {
      createWasmRuntime: (options: Omit<WasmRuntimeOptions, 'guest'>) => WasmRuntime;
    };
    runtime = createWasmRuntime({ wasmModule: new WebAssembly.Module(await readFile(join(folder, 'quickjs.wasm'))) });
  });
  testRuns(async ({ fetches, ...options }) => {
    const fetch = async (inner: Request): Promise<Response> =>
      new Response(`${inner.method} ${inner.url} ${await inner.text()}`, { status: 201 });
    const outcome = await runtime.run({ ...options, ...(fetches === true ? { fetch } : {}) });
    if (!('response' in outcome)) return outcome;
    const body = Buffer.from(outcome.response.body).toString('utf8') as never;
    return { ...outcome, response: { ...outcome.response, body } };
  });

  test('options that are wrong are refused by name', async () => {
    await assert.rejects(
      runtime.run({ code: '1', limits: { timeoutMs: -1 } }),
      /limits\.timeoutMs must be a number from 1/,
    );
    await assert.rejects(runtime.run({ code: '1', limits: { timeout: 1 } as never }), /no limit "timeout"/);
    await assert.rejects(runtime.run({ code: 1 as never }), /code must be a string/);
  });
});

describe('cordon/wasm in workerd', () => {
  let workerd: Workerd | string = 'it was not started';
  before(async () => {
    await writeFile(join(folder, 'worker.js'), WORKER);
    workerd = await startWorkerd(folder, [
      { name: 'worker.js', kind: 'esModule' },
      { name: 'index.js', kind: 'esModule' },
      { name: 'quickjs.wasm', kind: 'wasm' },
    ]);
  });
  after(async () => {
    if (typeof workerd !== 'string') await workerd.close();
  });
  testRuns(
    async (options) => (await (workerd as Workerd).post(options)) as WasmOutcome,
    () => (typeof workerd === 'string' ? workerd : null),
  );
});

/** `missing`: why it can't be run here; null where it can. */
function testRuns(run: Run, missing: () => string | null = () => null): void {
  const check = (name: string, body: () => Promise<void>): void =>
    void test(name, { timeout: 60_000 }, async (t) => {
      const reason = missing();
      if (reason !== null) t.skip(reason);
      else await body();
    });
  const script = (code: string, more: Partial<WasmRun> & { fetches?: boolean } = {}): ReturnType<Run> =>
    run({ code, kind: 'script', data: null, ...more });

  check('a module’s handler answers a request', async () => {
    const outcome = await run({
      code: `export default { async fetch(request, env) {
        console.log('for', env.WHO);
        return new Response((await request.text()) + new URL(request.url).pathname, { status: 202, headers: { 'x-a': 'b' } });
      } }`,
      env: { WHO: 'me' },
      request: { method: 'POST', url: 'http://localhost/path', body: 'sent to ' },
    });
    assert.ok('response' in outcome, JSON.stringify(outcome));
    const { status, headers, body } = outcome.response;
    assert.deepEqual([status, headers[headers.indexOf('x-a') + 1], body], [202, 'b', 'sent to /path']);
    assert.deepEqual(outcome.logs, [{ level: 'info', message: 'for me' }]);
  });

  check('a script’s body answers with its result, and nothing of it lives on', async () => {
    const code = `globalThis.n = (globalThis.n ?? 0) + 1; return { n, sum: ctx.data.a + 1, user: ctx.user.id, fetch: typeof fetch }`;
    const options = { data: { a: 1 }, user: { id: 'u1', email: null, roles: [] } };
    for (let i = 0; i < 2; i++)
      assert.deepEqual(await script(code, options), {
        ok: true,
        result: { n: 1, sum: 2, user: 'u1', fetch: 'undefined' },
        logs: [],
      });
  });

  check('timers and promises are waited for', async () => {
    const outcome = await script(`await new Promise((resolve) => setTimeout(resolve, 20)); return 'waited'`);
    assert.deepEqual(outcome, { ok: true, result: 'waited', logs: [] });
  });

  check('what it fetches goes through the embedder, or nowhere', async () => {
    const code = `const { status, text } = await ctx.fetch('http://there/x', { method: 'POST', body: 'hello' }); return [status, text]`;
    assert.deepEqual(await script(code, { fetches: true }), {
      ok: true,
      result: [201, 'POST http://there/x hello'],
      logs: [],
    });
    const refused = await script(`try { await ctx.fetch('http://there/'); } catch (e) { return e.cause.code }`);
    assert.deepEqual(refused, { ok: true, result: 'EGRESS_BLOCKED', logs: [] });
  });

  const endings: Readonly<Record<string, string>> = {
    'for (;;);': 'TIMED_OUT',
    'for (;;) await null;': 'TIMED_OUT',
    'await new Promise(() => {});': 'TIMED_OUT',
    'const all = []; for (;;) all.push(new Uint8Array(1e6));': 'OUT_OF_MEMORY',
    'throw new Error("mine")': 'HANDLER_THREW',
    'this is no code': 'COMPILE_FAILED',
    'return eval("1")': 'HANDLER_THREW',
  };
  for (const [code, expected] of Object.entries(endings)) {
    check(`${code} ends with ${expected}`, async () => {
      const outcome = await script(`console.log('before'); ${code}`, { limits: { timeoutMs: 2_000, memoryMb: 16 } });
      assert.ok(!outcome.ok, JSON.stringify(outcome));
      assert.equal(outcome.error.code, expected, outcome.error.message);
    });
  }
}
