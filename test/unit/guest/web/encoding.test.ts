import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext } from './bare.ts';

const MULTI_BYTE = ['big5', 'euc-jp', 'euc-kr', 'gb18030', 'gbk', 'iso-2022-jp', 'shift_jis'];
const SINGLE_BYTE = [
  'windows-1252',
  'latin1',
  'iso-8859-2',
  'koi8-r',
  'windows-1251',
  'ibm866',
  'utf-16le',
  'utf-16be',
];

suite('TextDecoder', () => {
  const { run } = bareContext();
  const decode = run(`(label, bytes, options, cut) => {
    try {
      const decoder = new TextDecoder(label, options);
      const all = new Uint8Array(bytes);
      return cut === 0 ? decoder.decode(all) : decoder.decode(all.subarray(0, cut), { stream: true }) + decoder.decode(all.subarray(cut));
    } catch (error) { return error.name; }
  }`) as (label: string, bytes: readonly number[], options: object, cut: number) => string;
  const expected = (label: string, bytes: readonly number[], options: object, cut: number): string => {
    try {
      const decoder = new TextDecoder(label, options);
      const all = new Uint8Array(bytes);
      return cut === 0
        ? decoder.decode(all)
        : decoder.decode(all.subarray(0, cut), { stream: true }) + decoder.decode(all.subarray(cut));
    } catch (error) {
      return (error as Error).name;
    }
  };

  for (const [label, bytes, text] of [
    ['shift_jis', [0x93, 0xfa, 0x96, 0x7b], '日本'],
    ['euc-jp', [0xc6, 0xfc, 0xcb, 0xdc], '日本'],
    ['iso-2022-jp', [0x1b, 0x24, 0x42, 0x46, 0x7c, 0x4b, 0x5c], '日本'],
    ['gbk', [0xd6, 0xd0, 0xce, 0xc4], '中文'],
    ['gb18030', [0x94, 0x39, 0xfc, 0x36], '😀'],
    ['big5', [0xa4, 0xa4, 0xa4, 0xe5], '中文'],
    ['euc-kr', [0xc7, 0xd1, 0xb1, 0xdb], '한글'],
    ['utf-8', [0xef, 0xbb, 0xbf, 0xf0, 0x9f, 0x98, 0x80], '😀'],
  ] as const) {
    test(`${label} is decoded, whole and in pieces`, () => {
      for (let cut = 0; cut < bytes.length; cut++) assert.equal(decode(label, bytes, {}, cut), text, `cut at ${cut}`);
      assert.equal(run(`new TextDecoder('${label}').encoding`), label);
    });
  }

  test('UTF-8, UTF-16 and the single-byte encodings give what Node gives, whatever comes', () => {
    let seed = 7;
    const random = (n: number): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
    const PIECES = [
      [0x41],
      [0xc3, 0xa9],
      [0xe2, 0x82, 0xac],
      [0xf0, 0x9f, 0x98, 0x80],
      [0xef, 0xbb, 0xbf],
      [0xff],
      [0xc0],
      [0xed, 0xa0, 0x80],
      [0xfe],
      [0],
      [0xf4],
      [0x80],
    ];
    for (let i = 0; i < 3_000; i++) {
      const bytes = Array.from({ length: random(6) }, () => PIECES[random(PIECES.length)]).flat();
      const label = i % 2 === 0 ? 'utf-8' : SINGLE_BYTE[random(SINGLE_BYTE.length)];
      const options = { fatal: random(2) === 0, ignoreBOM: random(2) === 0 };
      const cut = bytes.length === 0 ? 0 : random(bytes.length);
      // Node's own decoder of windows-1252 has had bugs with controls.
      if (label !== 'utf-8' && options.fatal) continue;
      assert.equal(
        decode(label, bytes, options, cut),
        expected(label, bytes, options, cut),
        JSON.stringify([label, bytes, options, cut]),
      );
    }
  });

  test('what is no text is U+FFFD, or a TypeError where it is fatal', () => {
    for (const label of MULTI_BYTE) {
      assert.match(decode(label, [0xff, 0xff], {}, 0), /\ufffd/, label);
      assert.equal(decode(label, [0xff, 0xff], { fatal: true }, 0), 'TypeError', label);
    }
  });

  test('one decoder may be used again and again', () => {
    assert.equal(
      run(`(() => {
        const d = new TextDecoder(); const bytes = (...b) => new Uint8Array(b);
        return [d.decode(bytes(0xe2, 0x82), { stream: true }), d.decode(bytes(0xac)), d.decode(bytes(0xe2)), d.decode(bytes(0x41)), d.decode(), d.decode(new DataView(new ArrayBuffer(1))).length, d.decode(new Uint16Array([0x4142]).buffer)].join('|');
      })()`),
      '|€|\ufffd|A||1|BA',
    );
  });

  test('what it is not made for is refused', () => {
    for (const [code, name] of [
      [`new TextDecoder('nonsense')`, 'RangeError'],
      [`new TextDecoder('replacement')`, 'RangeError'],
      [`new TextDecoder('utf-8', 5)`, 'TypeError'],
      [`new TextDecoder().decode('text')`, 'TypeError'],
      [`new TextDecoder().decode([1])`, 'TypeError'],
      [`new TextDecoder().decode(null)`, 'TypeError'],
      [`TextDecoder.prototype.decode.call({})`, 'TypeError'],
      [`TextEncoder.prototype.encode.call({})`, 'TypeError'],
      [`new TextEncoder().encodeInto('a', new Int8Array(1))`, 'TypeError'],
      [`new TextEncoder().encode(Symbol())`, 'TypeError'],
    ] as const)
      assert.throws(() => run(code), { name }, code);
  });
});

suite('the streams of text', () => {
  const { run } = bareContext();
  const through = (transform: string, chunks: string): Promise<string> =>
    run(`(async () => {
      const stream = new ReadableStream({ start(c) { for (const chunk of ${chunks}) c.enqueue(chunk); c.close(); } });
      const seen = []; for await (const chunk of stream.pipeThrough(${transform})) seen.push(typeof chunk === 'string' ? chunk : [...chunk].join(' '));
      return seen.join('|');
    })().catch((error) => error.name)`) as Promise<string>;

  test('characters cut in two are put together', async () => {
    const chunks = `[[0xf0, 0x9f], [0x98, 0x80, 0x41], [0xe2]].map((b) => new Uint8Array(b))`;
    assert.equal(await through('new TextDecoderStream()', chunks), '😀A|\ufffd');
    assert.equal(
      await through(`new TextEncoderStream()`, `['a\\ud83d', '\\ude00', '\\ud83d']`),
      '97|240 159 152 128|239 191 189',
    );
    assert.equal(
      await through(`new TextDecoderStream('shift_jis')`, `[[0x93], [0xfa]].map((b) => new Uint8Array(b))`),
      '日',
    );
  });

  test('a chunk of another kind, or bytes that are no text, break the stream', async () => {
    assert.equal(await through('new TextDecoderStream()', `['text']`), 'TypeError');
    assert.equal(await through('new TextDecoderStream()', `[undefined]`), 'TypeError');
    assert.equal(
      await through(`new TextDecoderStream('utf-8', { fatal: true })`, `[new Uint8Array([0xff])]`),
      'TypeError',
    );
    assert.throws(() => run(`new TextDecoderStream('nonsense')`), { name: 'RangeError' });
  });

  test('they need no global that user code may have replaced', async () => {
    run(`TransformStream = class { constructor() { throw new Error('reached'); } }`);
    assert.equal(await through('new TextEncoderStream()', `['a']`), '97');
  });
});
