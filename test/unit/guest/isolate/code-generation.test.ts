/** Code from strings and bytes: with the function's permission, and without it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isolateSandboxes } from '../../../support/isolate-sandboxes.ts';
import { wasmModule } from '../../../support/wasm-module.ts';

const sandboxes = isolateSandboxes();

/** What `body` returns, as JSON. `files` stand beside the function. */
async function run(
  body: string,
  {
    codeGeneration = true,
    before = '',
    files = {},
  }: { codeGeneration?: boolean; before?: string; files?: Record<string, Uint8Array> } = {},
): Promise<unknown> {
  const code = `${before}\nexport default { async fetch() { const found = await (async () => { ${body} })(); return Response.json(found ?? null); } };`;
  const opened = await sandboxes.open(code, { codeGeneration }, files);
  return JSON.parse((await opened.call()).body);
}

const bytes = (module: Buffer): string => `Uint8Array.fromBase64('${module.toString('base64')}')`;
const ADD = wasmModule();
const GROWING = wasmModule({ memory: [0, 1] });

test('eval and every Function constructor work where a function may make code', async () => {
  assert.deepEqual(
    await run(`
      const GeneratorFunction = (function* () {}).constructor;
      return [eval('6 * 7'), new Function('a', 'return a + 1')(1), Function('return this')() === globalThis,
        [...new GeneratorFunction('yield 1; yield 2')()], (() => {}).constructor === Function,
        await new ((0, eval)('(async () => {})').constructor)('return 5')(), Function.name, eval.name];`),
    [42, 2, true, [1, 2], true, 5, 'Function', 'eval'],
  );
});

test('without the permission both stay refused, and there is no WebAssembly', async () => {
  assert.deepEqual(
    await run(
      `const names = []; for (const f of [() => eval('1'), () => new Function('1')]) try { f(); } catch (error) { names.push(error.name); }
       return [...names, typeof WebAssembly];`,
      { codeGeneration: false },
    ),
    ['EvalError', 'EvalError', 'undefined'],
  );
});

test('a module is compiled of bytes and instantiated, in every way there is', async () => {
  assert.deepEqual(
    await run(`
      const bytes = ${bytes(ADD)};
      const module = new WebAssembly.Module(bytes);
      const { instance } = await WebAssembly.instantiate(bytes);
      const streamed = await WebAssembly.instantiateStreaming(new Response(bytes, { headers: { 'content-type': 'application/wasm' } }));
      return [new WebAssembly.Instance(module).exports.add(1, 2), instance.exports.add(2, 2),
        (await WebAssembly.instantiate(module)).exports.add(3, 2), (await WebAssembly.instantiate(await WebAssembly.compile(bytes.buffer), {})).exports.add(4, 2),
        streamed.instance.exports.add(5, 2), WebAssembly.validate(bytes), WebAssembly.validate(new Uint8Array(4)),
        WebAssembly.Module.exports(module).map((e) => e.name), module instanceof WebAssembly.Module, module.constructor === WebAssembly.Module,
        instance instanceof WebAssembly.Instance, String(WebAssembly)];`),
    [3, 4, 5, 6, 7, true, false, ['add'], true, true, true, '[object WebAssembly]'],
  );
});

test('what is no module is a CompileError, and rejects where it is waited for', async () => {
  assert.deepEqual(
    await run(`
      const names = [];
      for (const f of [() => new WebAssembly.Module(new Uint8Array(8)), () => new WebAssembly.Module('x'), () => WebAssembly.Module(new Uint8Array(8)),
        () => new WebAssembly.Instance({}), () => new WebAssembly.Memory()]) try { f(); } catch (error) { names.push(error.name); }
      for (const p of [WebAssembly.compile(new Uint8Array(3)), WebAssembly.instantiate(7), WebAssembly.compileStreaming(7)]) await p.catch((error) => names.push(error.name));
      return names;`),
    ['CompileError', 'TypeError', 'TypeError', 'TypeError', 'TypeError', 'CompileError', 'TypeError', 'TypeError'],
  );
});

test('an import of a .wasm file is a module, which needs no permission', async () => {
  assert.deepEqual(
    await run(
      `const names = [];
       for (const f of [() => new WebAssembly.Module(bytes), () => WebAssembly.instantiate(bytes), () => WebAssembly.compile(bytes)])
         try { await f(); } catch (error) { names.push(error.name); }
       return [add instanceof WebAssembly.Module, (await WebAssembly.instantiate(add)).exports.add(20, 22), same === add, ...names];`,
      {
        codeGeneration: false,
        before: `import add from './add.wasm'; import same from './add.wasm?module'; const bytes = ${bytes(ADD)};`,
        files: { 'add.wasm': ADD },
      },
    ),
    [true, 42, true, 'CompileError', 'CompileError', 'CompileError'],
  );
});

test('a .wasm file that is none fails the build, with a sentence', async () => {
  await assert.rejects(
    run('', { before: `import x from './x.wasm'; globalThis.x = x;`, files: { 'x.wasm': Buffer.from('no module') } }),
    /This file is no WebAssembly module/,
  );
});

test('a memory grows up to what the function may have and no further, from inside too', async () => {
  const [pages, refused, before, after] = (await run(`
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(${bytes(GROWING)}));
    let pages = 0; while (exports.grow(64) !== -1) pages += 64;
    let refused; try { exports.memory.grow(100); } catch (error) { refused = error.name; }
    let another; try { another = new WebAssembly.Memory({ initial: 100 }); } catch (error) { another = error.name; }
    return [pages, refused, another, exports.memory.buffer.byteLength];`)) as [number, string, string, number];
  assert.ok(pages >= 1900 && pages < 2048, `${pages}`);
  assert.equal(refused, 'RangeError');
  assert.equal(before, 'RangeError');
  assert.equal(after, (pages + 1) * 65_536);
});

test('memories count together, and what is let go counts no more', async () => {
  assert.deepEqual(
    await run(`
      const held = []; let refused;
      try { for (let i = 0; i < 100; i++) held.push(new WebAssembly.Memory({ initial: 512 })); } catch (error) { refused = error.name; }
      return [held.length, refused];`),
    [4, 'RangeError'],
  );
});

for (const [what, memory] of [
  ['shared memory', [3, 1, 2]],
  ['a memory of 64 bit', [4, 1]],
  ['a memory larger than it may be', [0, 0x81, 0x20]],
  ['unknown flags', [8, 1, 0]],
] as const)
  test(`${what} in a module is refused`, async () => {
    assert.match(
      (await run(
        `try { new WebAssembly.Module(${bytes(wasmModule({ memory }))}); } catch (error) { return error.name + ': ' + error.message; }`,
      )) as string,
      /^CompileError: The module is refused: /,
    );
  });

test('bytes that are changed at random give a module within its bounds, or an error of WebAssembly', async () => {
  const found = (await run(`
    let state = 12345; const random = (n) => (state = (state * 1103515245 + 12345) % 2147483648) % n;
    const names = new Set(); let made = 0;
    for (let i = 0; i < 3000; i++) {
      const bytes = ${bytes(GROWING)};
      for (let k = 0; k <= random(3); k++) bytes[8 + random(bytes.length - 8)] = random(256);
      try {
        const { memory } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
        made++;
        if (memory instanceof WebAssembly.Memory && memory.buffer.byteLength > 128 * 1024 * 1024) names.add('too large');
        try { memory.grow(2048); names.add('grew'); } catch {}
      } catch (error) { names.add(error.name); }
    }
    return [made, ...names];`)) as [number, ...string[]];
  const [made, ...names] = found;
  assert.ok(made > 0 && made < 3000, `${made}`);
  const known = ['CompileError', 'LinkError', 'RangeError', 'RuntimeError', 'TypeError'];
  assert.deepEqual(
    names.filter((name) => !known.includes(name)),
    [],
  );
});

test('there is no shared memory and no buffer that grows', async () => {
  assert.deepEqual(
    await run(`
      const names = []; const memory = new WebAssembly.Memory({ initial: 1, maximum: 2 });
      for (const f of [() => new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }), () => new WebAssembly.Memory({ initial: 1n, address: 'i64' })])
        try { f(); } catch (error) { names.push(error.name); }
      return [...names, typeof memory.toResizableBuffer, memory.buffer.resizable, memory.buffer.constructor === ArrayBuffer, typeof WebAssembly.promising, typeof SharedArrayBuffer];`),
    ['TypeError', 'TypeError', 'undefined', false, true, 'undefined', 'undefined'],
  );
});

test('memories that grow from inside to more than they may have together end their sandbox, and nobody else’s', async () => {
  const neighbour = await sandboxes.open(`export default { fetch: () => new Response('here') };`);
  const opened = await sandboxes.open(
    `const held = []; export default { async fetch() {
      const module = new WebAssembly.Module(${bytes(GROWING)});
      for (let i = 0; i < 3; i++) held.push(new WebAssembly.Instance(module).exports);
      for (const { grow } of held) grow(1000);
      return new Response('more than there is');
    } };`,
    { codeGeneration: true },
  );
  assert.equal((await opened.fault()).code, 'OUT_OF_MEMORY');
  assert.equal((await neighbour.call()).body, 'here');
});

test('code that a string became may spin no longer than any other', async () => {
  const opened = await sandboxes.open(`export default { fetch() { new Function('for (;;);')(); } };`, {
    codeGeneration: true,
    limits: { concurrency: 1, memoryMb: 128, timeoutMs: 1_000 } as never,
  });
  assert.equal((await opened.fault()).code, 'TIMED_OUT');
});
