import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext, plain } from './bare.ts';

const context = bareContext();
/** The expression's value, once it is there, as JSON; an error's name where it fails. */
const read = async (code: string): Promise<unknown> => {
  const text = await context.run(
    `(async () => JSON.stringify(await (${code})))().catch((e) => JSON.stringify({ error: e.name }))`,
  );
  return text === undefined ? undefined : JSON.parse(text);
};
const check = (title: string, code: string, expected: unknown): void => {
  test(title, async () => assert.deepEqual(await read(code), expected));
};
const failure = (error: string): object => ({ error });

suite('Blob', () => {
  check(
    'is made of text, bytes, views and other blobs',
    `new Blob(['é', new Uint8Array([104, 105]), new Uint16Array([0x4241]), new DataView(new ArrayBuffer(1)), new Blob(['!']), 7, null]).text()`,
    'éhiAB\0!7null',
  );
  check(
    'has a size and a type in lower case',
    `(() => { const b = new Blob(['é'], { type: 'Text/Plain' }); return [b.size, b.type, new Blob().size, new Blob([], { type: 'a\\u0130' }).type, String(b)]; })()`,
    [2, 'text/plain', 0, '', '[object Blob]'],
  );
  check(
    'holds a copy of what it is made of',
    `(() => { const bytes = new Uint8Array([97]); const blob = new Blob([bytes]); bytes[0] = 98; return blob.text(); })()`,
    'a',
  );
  check(
    'gives a copy of what it holds',
    `(async () => { const blob = new Blob(['a']); (await blob.bytes())[0] = 98; new Uint8Array(await blob.arrayBuffer())[0] = 98; for await (const chunk of blob.stream()) chunk[0] = 98; return blob.text(); })()`,
    'a',
  );
  check(
    'as a body is not changed by who reads the body',
    `(async () => { const blob = new Blob(['ab']).slice(1); const response = new Response(blob); (await response.bytes())[0] = 99; const reader = new Response(blob).body.getReader(); (await reader.read()).value[0] = 99; return blob.text(); })()`,
    'b',
  );
  check(
    'slices count from either end, and stay within it',
    `Promise.all([[1, 3], [-2], [2, 1], [0, 99], [NaN, -1], [1.5], [undefined, undefined], [null, 2]].map((args) => new Blob(['abcd']).slice(...args).text()))`,
    ['bc', 'cd', '', 'abcd', 'abc', 'cd', 'abcd', 'ab'],
  );
  check(
    'a slice of a slice has a type of its own',
    `(() => { const s = new Blob(['abcdef'], { type: 'a/b' }).slice(1, 5); return Promise.all([s.type, s.slice(1, 3, 'C/D').type, s.slice(1, 3).text()]); })()`,
    ['', 'c/d', 'cd'],
  );
  check(
    'line ends become those of the system',
    `new Blob(['a\\r\\nb\\rc\\n'], { endings: 'native' }).text()`,
    'a\nb\nc\n',
  );
  check(
    'a large one streams in several chunks',
    `(async () => { const sizes = []; for await (const chunk of new Blob([new Uint8Array(150_000)]).stream()) sizes.push(chunk.length); return sizes; })()`,
    [65_536, 65_536, 18_928],
  );
  check(
    'its stream can be read into a buffer',
    `(async () => { const reader = new Blob(['abc']).stream().getReader({ mode: 'byob' }); const first = await reader.read(new Uint8Array(2)); const second = await reader.read(new Uint8Array(2)); const last = await reader.read(new Uint8Array(2)); return [[...first.value], [...second.value], last.done]; })()`,
    [[97, 98], [99], true],
  );
  for (const bad of ['null', '5', `'text'`, '{}', 'new Date()', '[Symbol()]'])
    check(`new Blob(${bad}) is a TypeError`, `new Blob(${bad})`, failure('TypeError'));
  for (const bad of [`{ endings: 'windows' }`, '5', `'text'`])
    check(`the options ${bad} are a TypeError`, `new Blob([], ${bad})`, failure('TypeError'));
  check('methods of something else reject', `Blob.prototype.text.call({})`, failure('TypeError'));
  check(
    'can be cloned',
    `(async () => { const b = structuredClone(new Blob(['x'], { type: 'a/b' })); return [b instanceof Blob, b.type, await b.text()]; })()`,
    [true, 'a/b', 'x'],
  );
});

suite('File', () => {
  check(
    'is a Blob with a name and a date',
    `(() => { const f = new File(['x'], 'a/b.txt', { type: 'A/B', lastModified: 42 }); return [f instanceof Blob, f.name, f.lastModified, f.type, f.size, String(f)]; })()`,
    [true, 'a/b.txt', 42, 'a/b', 1, '[object File]'],
  );
  check(
    'was changed now unless it says otherwise',
    `Math.abs(Date.now() - new File([], 'x').lastModified) < 1000`,
    true,
  );
  check(
    'dates are whole numbers',
    `['7', 1.9, -1.9, NaN, Infinity].map((lastModified) => new File([], 'x', { lastModified }).lastModified)`,
    [7, 1, -1, 0, 0],
  );
  check(
    'a slice of it is a Blob',
    `(() => { const s = new File(['x'], 'n').slice(); return s instanceof File; })()`,
    false,
  );
  check(
    'can be cloned',
    `(() => { const f = structuredClone(new File(['x'], 'n', { lastModified: 3 })); return [f instanceof File, f.name, f.lastModified]; })()`,
    [true, 'n', 3],
  );
  for (const bad of ['', '[]', `undefined, 'n'`, `null, 'n'`])
    check(`new File(${bad}) is a TypeError`, `new File(${bad})`, failure('TypeError'));
});

suite('FileReader', () => {
  const load = (method: string, blob: string, more = ''): string =>
    `new Promise((resolve, reject) => { const r = new FileReader(); r.onload = () => resolve(r.result); r.onerror = reject; r.${method}(${blob}${more}); })`;
  /** Runs what is due until the value is there. */
  const settled = async (code: string): Promise<unknown> => {
    let result: unknown = undefined;
    void context.run(code).then((value: unknown) => (result = plain(value)));
    for (let i = 0; i < 20 && result === undefined; i++) {
      for (const id of [...context.timers.keys()]) {
        context.timers.delete(id);
        context.controls.fireTimer(id);
      }
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    return result;
  };

  test('reads text, data URLs and binary strings', async () => {
    assert.equal(await settled(load('readAsText', `new Blob(['é'])`)), 'é');
    assert.equal(await settled(load('readAsText', `new Blob([new Uint8Array([0xfe, 0xff, 0, 104])])`)), 'h');
    assert.equal(await settled(load('readAsText', `new Blob([new Uint8Array([104, 0])])`, `, 'utf-16le'`)), 'h');
    assert.equal(
      await settled(load('readAsText', `new Blob([new Uint8Array([0xe9])], { type: 'a/b;charset=latin1' })`)),
      'é',
    );
    assert.equal(await settled(load('readAsDataURL', `new Blob(['hi'], { type: 'a/b' })`)), 'data:a/b;base64,aGk=');
    assert.equal(await settled(load('readAsBinaryString', `new Blob([new Uint8Array([1, 255])])`)), '\x01ÿ');
    assert.equal(await settled(`${load('readAsArrayBuffer', `new Blob(['abc'])`)}.then((b) => b.byteLength)`), 3);
  });

  test('tells of its progress in order', async () => {
    const events = `new Promise((resolve) => { const seen = []; const r = new FileReader(); for (const type of ['loadstart', 'progress', 'load', 'loadend']) r.addEventListener(type, (e) => { seen.push([e.type, r.readyState, e.loaded, e.total]); if (type === 'loadend') resolve(seen); }); r.readAsText(new Blob(['abc'])); })`;
    assert.deepEqual(await settled(events), [
      ['loadstart', 1, 0, 3],
      ['progress', 1, 3, 3],
      ['load', 2, 3, 3],
      ['loadend', 2, 3, 3],
    ]);
  });

  test('stops when it is aborted, and reads one blob at a time', async () => {
    const code = `new Promise((resolve) => { const seen = []; const r = new FileReader(); for (const type of ['load', 'abort', 'loadend']) r['on' + type] = () => seen.push(type); r.readAsText(new Blob(['abc'])); try { r.readAsText(new Blob()); } catch (e) { seen.push(e.name); } r.abort(); setTimeout(() => resolve([seen, r.result, r.readyState]), 1); })`;
    assert.deepEqual(await settled(code), [['InvalidStateError', 'abort', 'loadend'], null, 2]);
  });
});
