import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bareContext, plain, type BareContext } from './bare.ts';

/** Puts `events`, `record(kind, bytes)`, `host` (the stream of records that come) and `open()` in the context. */
const HELPERS = `
  const events = [];
  const record = (kind, bytes) => Uint8Array.from([kind, 0, 0, bytes.length >> 8, bytes.length & 255, ...bytes]);
  const text = (value) => new TextEncoder().encode(value);
  let host;
  const stream = new ReadableStream({ start(c) { host = c; } });
  const turns = async () => { for (let i = 0; i < 50; i++) await null; };
  const listen = (ws) => {
    for (const type of ['open', 'message', 'error', 'close']) ws['on' + type] = (e) => events.push(
      type === 'message' ? [type, e.data, e.origin] : type === 'close' ? [type, e.code, e.reason, e.wasClean] :
      type === 'error' ? [type, e.message, e.error?.code] : [type]);
    return ws;
  };
  const make = (...args) => listen(new WebSocket(...args));`;

function prepared(): BareContext {
  const context = bareContext();
  context.run(HELPERS);
  context.reply = { protocol: 'chat', stream: context.run('stream') as object };
  return context;
}

/** What the code's promise gives, as JSON; what it throws by its name and message. */
async function read(context: BareContext, code: string): Promise<unknown> {
  return plain(await context.run(`(async () => { ${code} })().catch((e) => e.name + ': ' + e.message)`));
}

suite('new WebSocket()', () => {
  test('refuses with a SyntaxError what is no address of a WebSocket, and protocols that are no tokens', async () => {
    const context = prepared();
    for (const args of [
      `''`,
      `'/path'`,
      `'ftp://a/'`,
      `'ws://a/#b'`,
      `'ws://a/', ''`,
      `'ws://a/', 'a b'`,
      `'ws://a/', ['a', 'A']`,
    ])
      assert.match(String(await read(context, `return new WebSocket(${args})`)), /^SyntaxError: /, args);
    assert.match(String(await read(context, `return new WebSocket()`)), /^TypeError: /);
    assert.equal(context.fetched.length, 0);
  });

  test('asks the host for the address in its form, with the protocols', async () => {
    const context = prepared();
    assert.deepEqual(
      await read(
        context,
        `const ws = new WebSocket('HTTPS://a:443/b?c', ['x', 'y']);
        return [ws.url, ws.readyState, ws.protocol, ws.extensions, ws.bufferedAmount, ws.binaryType];`,
      ),
      ['wss://a/b?c', 0, '', '', 0, 'blob'],
    );
    const { url, protocols } = context.fetched[0];
    assert.deepEqual(plain({ url, protocols }), { url: 'wss://a/b?c', protocols: ['x', 'y'] });
  });

  test('throws a TypeError outside of any invocation', async () => {
    const context = prepared();
    context.reply = 'outside';
    assert.equal(
      await read(context, `new WebSocket('ws://a')`),
      'TypeError: new WebSocket() works inside of an invocation only',
    );
  });

  test('has the interface of the standard', async () => {
    assert.deepEqual(
      await read(
        prepared(),
        `const ws = new WebSocket('ws://a');
        return [WebSocket.CONNECTING, WebSocket.OPEN, ws.CLOSING, ws.CLOSED, String(ws), ws instanceof EventTarget,
          new CloseEvent('close', { code: 1000, reason: 'x', wasClean: true }).code];`,
      ),
      [0, 1, 2, 3, '[object WebSocket]', true, 1000],
    );
  });
});

suite('an open WebSocket', () => {
  test('tells of texts and bytes in their order, and of the end', async () => {
    assert.deepEqual(
      await read(
        prepared(),
        `const ws = make('ws://a/b'); await turns(); const opened = [ws.readyState, ws.protocol];
        host.enqueue(record(1, text('\\ufeffhé'))); await turns();
        ws.binaryType = 'nonsense'; ws.binaryType = 'arraybuffer';
        const both = [...record(2, [1, 2]), ...record(3, [3, 232, 1, ...text('bye')])];
        for (const byte of both) host.enqueue(Uint8Array.of(byte));
        host.close(); await turns(); await turns(); await turns();
        events[2][1] = [events[2][1] instanceof ArrayBuffer, ...new Uint8Array(events[2][1])];
        return [opened, ws.readyState, events];`,
      ),
      [
        [1, 'chat'],
        3,
        [
          ['open'],
          ['message', '\ufeffhé', 'ws://a'],
          ['message', [true, 1, 2], 'ws://a'],
          ['close', 1000, 'bye', true],
        ],
      ],
    );
  });

  test('gives bytes as a Blob unless told otherwise', async () => {
    assert.equal(
      await read(
        prepared(),
        `make('ws://a'); await turns(); host.enqueue(record(2, text('hi'))); await turns(); return events[1][1].text();`,
      ),
      'hi',
    );
  });

  test('sends text, buffers, views and Blobs as records, and counts what has not left', async () => {
    const context = prepared();
    await read(
      context,
      `globalThis.ws = make('ws://a'); await turns();
      for (const data of ['hé', Uint8Array.of(1, 2).buffer, new DataView(Uint8Array.of(3, 4, 5).buffer, 1), new Blob(['b'])]) ws.send(data);
      globalThis.buffered = ws.bufferedAmount; ws.close(3000, 'x');`,
    );
    context.run('(stream) => { globalThis.sent = stream; }')(context.fetched[0].body);
    assert.deepEqual(
      await read(
        context,
        `const reader = sent.getReader(); const all = [];
        for (let i = 0; i < 5; i++) all.push([...(await reader.read()).value]);
        return [buffered, ws.bufferedAmount, ws.readyState, all];`,
      ),
      [
        8,
        0,
        2,
        [
          [1, 0, 0, 0, 3, 0x68, 0xc3, 0xa9],
          [2, 0, 0, 0, 2, 1, 2],
          [2, 0, 0, 0, 2, 4, 5],
          [2, 0, 0, 0, 1, 0x62],
          [3, 0, 0, 0, 3, 0x0b, 0xb8, 0x78],
        ],
      ],
    );
  });

  test('closes with allowed codes and short reasons only', async () => {
    const context = prepared();
    await read(context, `globalThis.ws = make('ws://a'); await turns();`);
    for (const code of ['1001', '2999', '5000', '0', 'NaN'])
      assert.match(String(await read(context, `ws.close(${code})`)), /^InvalidAccessError/, code);
    assert.match(String(await read(context, `ws.close(1000, 'é'.repeat(62))`)), /^SyntaxError/);
    assert.equal(await read(context, `ws.close(); ws.close(); return ws.readyState`), 2);
    assert.equal(await read(context, `ws.send('late'); return ws.bufferedAmount`), 4);
  });

  test('ends with an error and code 1006 where the stream breaks off', async () => {
    assert.deepEqual(
      await read(prepared(), `make('ws://a'); await turns(); host.close(); await turns(); return events;`),
      [['open'], ['error', 'The connection of the WebSocket broke', null], ['close', 1006, '', false]],
    );
  });
});

suite('a WebSocket that does not open', () => {
  test('tells why in its error event, and closes with 1006', async () => {
    const context = prepared();
    context.reply = {
      refusal: { code: 'EGRESS_BLOCKED', message: 'not allowed', details: { rule: 'private', host: 'a' } },
    };
    assert.deepEqual(await read(context, `const ws = make('ws://a'); await turns(); return [ws.readyState, events];`), [
      3,
      [
        ['error', 'WebSocket failed: not allowed', 'EGRESS_BLOCKED'],
        ['close', 1006, '', false],
      ],
    ]);
  });

  test('can be closed before, and sends nothing until it is open', async () => {
    const context = prepared();
    context.reply = null;
    assert.match(String(await read(context, `new WebSocket('ws://a').send('x')`)), /^InvalidStateError/);
    assert.deepEqual(
      await read(
        context,
        `const ws = make('ws://a'); ws.close(); const at = [ws.readyState, events.length]; await turns();
        return [at, ws.readyState, events];`,
      ),
      [
        [2, 0],
        3,
        [
          ['error', 'The WebSocket was closed before it was open', null],
          ['close', 1006, '', false],
        ],
      ],
    );
  });
});
