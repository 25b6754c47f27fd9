import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext } from './bare.ts';

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

/** Every entry; of a file, its name, type and text. */
const listed = `async (form) => Promise.all([...form].map(async ([n, v]) => typeof v === 'string' ? [n, v] : [n, { name: v.name, type: v.type, text: await v.text() }]))`;

suite('FormData', () => {
  check(
    'keeps the order of what is appended, and sets in the first place',
    `(() => { const f = new FormData(); f.append('a', 1); f.append('b', 2); f.append('a', 3); f.set('a', 4); f.append('c', 5); f.set('d', 6); return [[...f], f.get('a'), f.getAll('b'), f.get('x'), f.has('c')]; })()`,
    [
      [
        ['a', '4'],
        ['b', '2'],
        ['c', '5'],
        ['d', '6'],
      ],
      '4',
      ['2'],
      null,
      true,
    ],
  );
  check(
    'deletes all of a name',
    `(() => { const f = new FormData(); f.append('a', 1); f.append('b', 2); f.append('a', 3); f.delete('a'); return [...f.keys()]; })()`,
    ['b'],
  );
  check(
    'makes files of blobs',
    `(() => { const f = new FormData(); f.append('a', new Blob(['x'], { type: 'a/b' })); f.append('b', new File([], 'n', { lastModified: 5 })); f.append('c', new File([], 'n', { lastModified: 5 }), 'm'); return [...f.values()].map((v) => [v.constructor.name, v.name, v.type, v.lastModified === 5]); })()`,
    [
      ['File', 'blob', 'a/b', false],
      ['File', 'n', '', true],
      ['File', 'm', '', true],
    ],
  );
  check(
    'a file that is given comes back the same',
    `(() => { const file = new File([], 'n'); const f = new FormData(); f.set('a', file); return f.get('a') === file; })()`,
    true,
  );
  check(
    'text is well formed',
    `(() => { const f = new FormData(); f.append('\\ud800', '\\udc00'); return [...f]; })()`,
    [['\ufffd', '\ufffd']],
  );
  check(
    'is walked live, and each walk has its iterator',
    `(() => { const f = new FormData(); f.append('a', 1); const seen = []; for (const [n] of f) { seen.push(n); if (n === 'a') f.append('b', 2); } f.forEach(function (v, n, all) { seen.push(v, n, all === f, this.k); }, { k: 7 }); return [seen, f[Symbol.iterator] === f.entries, String(f.keys())]; })()`,
    [['a', 'b', '1', 'a', true, 7, '2', 'b', true, 7], true, '[object FormData Iterator]'],
  );
  for (const bad of [
    `new FormData(null)`,
    `new FormData({})`,
    `FormData()`,
    `new FormData().append('a')`,
    `new FormData().append('a', 'b', 'c')`,
    `new FormData().set('a', {}, 'c')`,
    `new FormData().get()`,
    `new FormData().forEach(1)`,
    `FormData.prototype.has.call({}, 'a')`,
  ])
    check(`${bad} is a TypeError`, bad, failure('TypeError'));
});

suite('a FormData as a body', () => {
  test('is written as the standard says', async () => {
    const [type, text] = (await read(
      `(async () => { const f = new FormData(); f.append('a"\\r\\nb', 'x\\ny\\rz\\r\\n'); f.append('file', new File(['<>'], 'q"\\n.txt', { type: 'text/html' })); f.append('é', new Blob([])); const r = new Response(f); return [r.headers.get('content-type'), await r.text()]; })()`,
    )) as [string, string];
    const boundary = /^multipart\/form-data; boundary=([\w-]{30,70})$/.exec(type)?.[1];
    assert.ok(boundary !== undefined, type);
    assert.deepEqual(text.split(`--${boundary}`), [
      '',
      '\r\nContent-Disposition: form-data; name="a%22%0D%0Ab"\r\n\r\nx\r\ny\r\nz\r\n\r\n',
      '\r\nContent-Disposition: form-data; name="file"; filename="q%22%0A.txt"\r\nContent-Type: text/html\r\n\r\n<>\r\n',
      '\r\nContent-Disposition: form-data; name="é"; filename="blob"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n',
      '--\r\n',
    ]);
  });
  test('has a boundary that nobody can know before', async () => {
    const boundaries = (await read(
      `Array.from({ length: 50 }, () => new Response(new FormData()).headers.get('content-type'))`,
    )) as string[];
    assert.equal(new Set(boundaries).size, 50);
  });
  check(
    'comes back as it was',
    `(async () => { const f = new FormData(); f.append('a"\\r\\n', 'é'); f.append('b', new File([new Uint8Array([0, 255, 13, 10, 45, 45])], 'n"', { type: 'a/b' })); f.append('c', ''); const back = await new Response(f).formData(); const file = back.get('b'); return [[...back.keys()], back.get('a"\\r\\n'), file.name, file.type, [...(await file.bytes())], back.get('c')]; })()`,
    [['a"\r\n', 'b', 'c'], 'é', 'n"', 'a/b', [0, 255, 13, 10, 45, 45], ''],
  );
  check('an empty one comes back empty', `new Response(new FormData()).formData().then((f) => [...f])`, []);
  check(
    'clones read apart',
    `(async () => { const f = new FormData(); f.append('a', 1); const r = new Request('http://a', { method: 'POST', body: f }); const c = r.clone(); return [[...(await r.formData())], [...(await c.formData())]]; })()`,
    [[['a', '1']], [['a', '1']]],
  );
});

suite('formData()', () => {
  const parsed = (body: string, type: string): string =>
    `new Response(${body}, { headers: { 'content-type': ${JSON.stringify(type)} } }).formData().then(${listed})`;
  const MULTIPART = 'multipart/form-data; boundary=B';
  const multipart = (text: string, type = MULTIPART): string => parsed(JSON.stringify(text), type);

  check('reads a query', parsed(`'a=1&b=%C3%A9+x&a=&%zz'`, 'application/x-www-form-urlencoded'), [
    ['a', '1'],
    ['b', 'é x'],
    ['a', ''],
    ['%zz', ''],
  ]);
  check('reads a query of bytes', parsed('new Uint8Array([97, 61, 0xc3, 0xa9])', 'application/x-www-form-urlencoded'), [
    ['a', 'é'],
  ]);
  check('reads parts', multipart('--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--B--'), [['a', '1']]);
  check(
    'reads parts whatever the case of their headers',
    multipart(
      '--B\r\ncontent-DISPOSITION:form-data;NAME=a;filename="f"\r\nX-More: y\r\nCONTENT-type: A/B\r\n\r\n1\r\n--B--',
    ),
    [['a', { name: 'f', type: 'a/b', text: '1' }]],
  );
  check(
    'a file without a type is text',
    multipart('--B\r\nContent-Disposition: form-data; name="a"; filename=""\r\n\r\n\r\n--B--\r\n'),
    [['a', { name: '', type: 'text/plain', text: '' }]],
  );
  check(
    'what comes before the first boundary and after the last is left out',
    multipart('preamble\r\n--B  \r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B--\r\nepilogue --B'),
    [['a', '1']],
  );
  check(
    'what looks almost like a boundary is content',
    multipart('--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\r\n--A\r\n--\r\n-B\n--B\r\n--B--'),
    [['a', '\r\r\n--A\r\n--\r\n-B\n--B']],
  );
  check(
    'a quoted boundary is one without its quotes',
    multipart(
      '--a b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--a b--',
      'Multipart/Form-Data; charset=x; Boundary="a b"',
    ),
    [['a', '1']],
  );
  check(
    'names keep what is not escaped',
    multipart('--B\r\nContent-Disposition: form-data; flag; x=";name=y"; name="a%22\\é; b=c"\r\n\r\n1\r\n--B--'),
    [['a"\\é; b=c', '1']],
  );
  check(
    'a byte order mark in a field stays',
    multipart('--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n\ufeffx\r\n--B--'),
    [['a', '\ufeffx']],
  );
  for (const [title, text, type] of [
    ['without any boundary', 'text', undefined],
    ['that ends within a part', '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1', undefined],
    ['that ends within the headers', '--B\r\nContent-Disposition: form-data; name="a"\r\n', undefined],
    ['with text behind a boundary', '--Bx\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--B--', undefined],
    ['with a part without a disposition', '--B\r\nA: b\r\n\r\n1\r\n--B--', undefined],
    [
      'with a part that is no form data',
      '--B\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n--B--',
      undefined,
    ],
    ['with a part without a name', '--B\r\nContent-Disposition: form-data; filename="a"\r\n\r\n1\r\n--B--', undefined],
    ['with a name that is not closed', '--B\r\nContent-Disposition: form-data; name="a\r\n\r\n1\r\n--B--', undefined],
    ['whose type names no boundary', '--B--', 'multipart/form-data'],
    ['whose boundary is too long', `--${'B'.repeat(71)}--`, `multipart/form-data; boundary=${'B'.repeat(71)}`],
    ['whose boundary holds what none may', '--B"--', 'multipart/form-data; boundary="B\\""'],
    ['of another type', 'a=1', 'text/plain'],
  ] as const)
    check(`a body ${title} is a TypeError`, multipart(text, type), failure('TypeError'));
  check('a body without a type is a TypeError', `new Response(new Uint8Array(1)).formData()`, failure('TypeError'));

  const timed = async (code: string): Promise<number> => {
    const startedMs = performance.now();
    await read(code);
    return performance.now() - startedMs;
  };
  const MB = 1024 * 1024;
  for (const [title, body] of [
    ['of carriage returns', `'\\r'.repeat(${4 * MB})`],
    [
      'of almost boundaries',
      `'\\r\\n--BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBC'.repeat(${MB / 16})`,
    ],
    ['of the boundary’s letter', `'B'.repeat(${4 * MB})`],
    ['of a header without an end', `'Content-Disposition: form-data; name=a;'.repeat(${MB / 16})`],
  ] as const)
    test(`a body ${title} takes no longer than its length`, async () => {
      const type = `multipart/form-data; boundary=${'B'.repeat(68)}`;
      const head = `'--${'B'.repeat(68)}\\r\\nContent-Disposition: form-data; name="a"\\r\\n'`;
      const code = `new Response(${head} + ${title.includes('header') ? '' : `'\\r\\n' +`} ${body}, { headers: { 'content-type': '${type}' } }).formData()`;
      const ms = await timed(code);
      assert.ok(ms < 3000, `${ms} ms`);
    });
  test('many parameters take no longer than their length', async () => {
    const parameters = `';'.repeat(8000) + 'a="b'.repeat(1000) + Array.from({ length: 4000 }, (_, i) => ';p' + i + '=v').join('')`;
    const inType = `new Response('', { headers: { 'content-type': 'multipart/form-data' + ${parameters} } }).formData()`;
    const inPart = `new Response('--B\\r\\nContent-Disposition: form-data; ' + (${parameters}).slice(0, 16000) + '\\r\\n\\r\\n\\r\\n--B--', { headers: { 'content-type': 'multipart/form-data; boundary=B' } }).formData()`;
    const ms = (await timed(inType)) + (await timed(inPart));
    assert.ok(ms < 1000, `${ms} ms`);
  });
  check(
    'more parts than anybody needs are a TypeError',
    `new Response('--B\\r\\nContent-Disposition: form-data; name=a\\r\\n\\r\\n\\r\\n'.repeat(10_001) + '--B--', { headers: { 'content-type': 'multipart/form-data; boundary=B' } }).formData()`,
    failure('TypeError'),
  );
});

test('forms hold when user code patches what they are made with', async () => {
  const hostile = bareContext();
  // Lazy modules are the user's own to break; these are there before the attack.
  await hostile.run(
    `(() => { const form = new FormData(); form.append('a', new File([], '')); return new Response(form).formData(); })()`,
  );
  const text = (await hostile.run(`(async () => {
    const refuse = () => { throw new Error('a patched method was called'); };
    const PATCHED = [
      [Array.prototype, ['push', 'map', 'filter', 'join', 'slice', 'indexOf', 'includes', 'forEach', Symbol.iterator]],
      [String.prototype, ['split', 'slice', 'indexOf', 'trim', 'replace', 'replaceAll', 'toLowerCase', 'charCodeAt', 'startsWith', Symbol.iterator]],
    ];
    const before = [];
    for (let p = 0; p < PATCHED.length; p++)
      for (let k = 0; k < PATCHED[p][1].length; k++) {
        const target = PATCHED[p][0], key = PATCHED[p][1][k];
        before[before.length] = [target, key, Object.getOwnPropertyDescriptor(target, key)];
      }
    for (let i = 0; i < before.length; i++) before[i][0][before[i][1]] = refuse;
    Object.defineProperty(Array.prototype, 0, { set: refuse, configurable: true });
    try {
      const form = new FormData();
      form.append('a"', 'x\\n');
      form.append('b', makeFile('y'));
      const back = await new Response(form).formData();
      const query = await new Response('c=%C3%A9', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }).formData();
      return back.get('a"') + back.get('b').name + query.get('c');
    } catch (error) {
      return error.stack;
    } finally {
      delete Array.prototype[0];
      for (let i = 0; i < before.length; i++) Object.defineProperty(before[i][0], before[i][1], before[i][2]);
    }
    function makeFile(text) { return new File({ [Symbol.iterator]() { let done = false; return { next() { const step = { done, value: text }; done = true; return step; } }; } }, 'n'); }
  })()`)) as string;
  assert.equal(text, 'x\r\nné');
});
