import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { contextWithServices } from './bare-services.ts';
import type { Foreign } from './bare.ts';

const HELPERS = `
const through = async (stream, ...chunks) => {
  const writer = stream.writable.getWriter();
  for (const chunk of [...chunks]) writer.write(chunk).catch(() => {});
  writer.close().catch(() => {});
  const out = [];
  for await (const chunk of stream.readable) for (const byte of chunk) out.push(byte);
  return Uint8Array.from(out);
};
const nameOf = async (run) => { try { await run(); return null; } catch (error) { return error.name; } };
`;
const inGuest = (code: string, hasCall = true): Promise<Foreign> =>
  contextWithServices(hasCall).run(`${HELPERS}(async () => { ${code} })()`);

const listOf = (bytes: Iterable<number>): string => JSON.stringify([...bytes]);

const FORMATS = ['gzip', 'deflate', 'deflate-raw', 'brotli'];

suite('CompressionStream and DecompressionStream', () => {
  test('give back what was given, in pieces or whole', async () => {
    for (const format of FORMATS) {
      const [small, same] = await inGuest(`
        const data = new TextEncoder().encode('hello '.repeat(30000));
        const packed = await through(new CompressionStream('${format}'), data.subarray(0, 70000), new Uint8Array(0), data.subarray(70000));
        const back = await through(new DecompressionStream('${format}'), packed.subarray(0, 7), packed.subarray(7));
        return [packed.length < 2000, back.length === data.length && back.every((byte, i) => byte === data[i])]`);
      assert.deepEqual([small, same], [true, true], format);
    }
  });

  test('are those of every other program', async () => {
    const packed = await inGuest(`return through(new CompressionStream('gzip'), new Uint8Array(1000))`);
    assert.deepEqual(gunzipSync(Uint8Array.from(packed)), Buffer.alloc(1000));
    const another = listOf(gzipSync('a'));
    assert.equal(
      await inGuest(`return String(await through(new DecompressionStream('gzip'), new Uint8Array(${another})))`),
      '97',
    );
  });

  test('data that is cut short, changed or too long is a TypeError', async () => {
    for (const format of FORMATS) {
      const result = await inGuest(`
        const packed = await through(new CompressionStream('${format}'), new Uint8Array(100).fill(65));
        const name = (...chunks) => nameOf(() => through(new DecompressionStream('${format}'), ...chunks));
        return [await name(), await name(packed.subarray(0, -1)), await name(packed, new Uint8Array(1)),
          await name(new Uint8Array([...packed, 0])), await name(new Uint8Array(20).fill(255)), await name('text')].join()`);
      assert.equal(result, Array.from({ length: 6 }, () => 'TypeError').join(), format);
    }
  });

  test('what came before the junk is given', async () => {
    const code = `
      const stream = new DecompressionStream('gzip');
      const reader = stream.readable.getReader();
      stream.writable.getWriter().write(new Uint8Array(${listOf([...gzipSync('abc'), 0])})).catch(() => {});
      return [String((await reader.read()).value), await nameOf(() => reader.read())].join()`;
    assert.equal(await inGuest(code), '97,98,99,TypeError');
  });

  test('nothing is decompressed that nobody reads', async () => {
    const bomb = listOf(gzipSync(Buffer.alloc(20_000_000)));
    const code = `
      const stream = new DecompressionStream('gzip');
      let written = false;
      const writing = stream.writable.getWriter().write(new Uint8Array(${bomb})).then(() => { written = true; }, (error) => error.message);
      const reader = stream.readable.getReader();
      const { value } = await reader.read();
      await reader.cancel(new Error('enough'));
      return [value.length <= 262144, written, await writing].join()`;
    assert.equal(await inGuest(code), 'true,false,enough');
  });

  test('an abort and a cancel end both sides', async () => {
    const code = `
      const a = new CompressionStream('gzip');
      await a.writable.abort(new RangeError('no'));
      const b = new CompressionStream('gzip');
      await b.readable.cancel(new RangeError('no'));
      return [await nameOf(() => a.readable.getReader().read()), await nameOf(() => b.writable.getWriter().write(new Uint8Array(1)))].join()`;
    assert.equal(await inGuest(code), 'RangeError,RangeError');
  });

  test('there are four formats', async () => {
    assert.equal(await inGuest(`return nameOf(() => new CompressionStream('zip'))`), 'TypeError');
    assert.equal(await inGuest(`return nameOf(() => new DecompressionStream())`), 'TypeError');
  });

  test('outside of any invocation they say so', async () => {
    assert.equal(
      await inGuest(`return nameOf(() => through(new CompressionStream('gzip'), new Uint8Array(1)))`, false),
      'TypeError',
    );
  });
});
