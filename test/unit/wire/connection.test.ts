import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { chunksOf, Connection } from '../../../src/wire/connection.ts';
import { CHUNK_BYTES, FrameType, MAX_FRAME_TO_GUEST, MAX_FRAME_TO_HOST } from '../../../src/wire/frames.ts';
import { metaBody, metaText, parseMeta, ProtocolError, readCredit } from '../../../src/wire/meta.ts';
import { socketPair, tcpPair } from '../../support/socket-pair.ts';

interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Frames as they come, and a promise for the moment when so many are there. */
class Inbox {
  readonly frames: Frame[] = [];
  readonly closes: (string | null)[] = [];
  #wake: () => void = () => undefined;
  readonly options = {
    maxFrameBytes: MAX_FRAME_TO_HOST,
    onFrame: (type: number, stream: number, payload: Buffer): void => {
      this.frames.push({ type, stream, payload });
      this.#wake();
    },
    onClose: (reason: string | null): void => {
      this.closes.push(reason);
      this.#wake();
    },
  };

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  count(frames: number): Promise<void> {
    return this.until(() => this.frames.length >= frames);
  }
}

async function connected(
  t: TestContext,
  pair: () => Promise<readonly [Socket, Socket]> = socketPair,
  maxFrameBytes?: number,
): Promise<{ sender: Connection; far: Socket; inbox: Inbox; receiver: Connection }> {
  const [near, far] = await pair();
  t.after(() => {
    near.destroy();
    far.destroy();
  });
  const inbox = new Inbox();
  const receiver = new Connection(near, {
    ...inbox.options,
    ...(maxFrameBytes === undefined ? {} : { maxFrameBytes }),
  });
  return { sender: new Connection(far, new Inbox().options), far, inbox, receiver };
}

function frame(
  type: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
  length: number = payload.length + 5,
): Buffer {
  const header = Buffer.alloc(9);
  header.writeUInt32LE(length, 0);
  header[4] = type;
  header.writeUInt32LE(stream, 5);
  return Buffer.concat([header, payload]);
}

test('frames that arrive byte by byte are put together', async (t) => {
  const { far, inbox } = await connected(t, tcpPair);
  far.setNoDelay(true);
  const bytes = Buffer.concat([frame(8, 1, Buffer.from('abc')), frame(25, 0), frame(8, 0xffff_ffff, Buffer.from('d'))]);
  for (const byte of bytes) {
    far.write(Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await inbox.count(3);
  assert.deepEqual(
    inbox.frames.map(({ type, stream, payload }) => [type, stream, payload.toString()]),
    [
      [8, 1, 'abc'],
      [25, 0, ''],
      [8, 0xffff_ffff, 'd'],
    ],
  );
});

test('frames are put together wherever the stream is cut', async (t) => {
  const { far, inbox } = await connected(t);
  const parts: Buffer[] = [];
  for (let i = 0; i < 300; i++) parts.push(frame(8, i, Buffer.alloc((i * i * 7) % 5000, i)));
  const bytes = Buffer.concat(parts);
  for (let at = 0, step = 1; at < bytes.length; at += step, step = (step * 31) % 9973) {
    if (!far.write(bytes.subarray(at, at + step))) await once(far, 'drain');
    if (step % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await inbox.count(300);
  inbox.frames.forEach(({ stream, payload }, i) => {
    assert.equal(stream, i);
    assert.ok(payload.equals(Buffer.alloc((i * i * 7) % 5000, i)));
  });
});

test('metas and bodies of every size cross unchanged, in order', async (t) => {
  const { sender, inbox } = await connected(t, socketPair, MAX_FRAME_TO_GUEST);
  const sizes = [0, 1, 100, 8191, 8192, 8193, 21_840, 65_000, 65_536, 70_000, 1_000_000];
  const sent: { meta: string; body: Buffer }[] = [];
  for (const metaSize of sizes) {
    for (const bodySize of sizes) {
      const meta = JSON.stringify('m'.repeat(metaSize));
      const body = Buffer.alloc(bodySize, sent.length);
      sent.push({ meta, body });
      sender.sendMeta(FrameType.OPEN, sent.length, meta, body);
    }
  }
  await inbox.count(sent.length);
  inbox.frames.forEach(({ stream, payload }, i) => {
    assert.equal(stream, i + 1);
    assert.equal(metaText(payload), sent[i]?.meta);
    assert.ok(metaBody(payload).equals(sent[i]?.body ?? Buffer.of()));
  });
});

test('text bodies and metas are UTF-8, whatever their length', async (t) => {
  const { sender, inbox } = await connected(t, socketPair, MAX_FRAME_TO_GUEST);
  const texts = [
    '',
    'zürich',
    '漢字'.repeat(10_922),
    '🎉'.repeat(5461),
    'é'.repeat(21_850),
    '漢'.repeat(100_000),
    'a\ud800b',
  ];
  for (const text of texts) sender.sendMeta(FrameType.REPLY, 1, JSON.stringify(text), text);
  await inbox.count(texts.length);
  inbox.frames.forEach(({ payload }, i) => {
    const text = Buffer.from(texts[i] as string, 'utf8').toString('utf8');
    assert.equal(metaBody(payload).toString('utf8'), text);
    if (text === texts[i]) assert.equal(parseMeta(payload), text);
  });
});

test('small frames of one turn leave in one write', async (t) => {
  const { sender, far, inbox } = await connected(t);
  let writes = 0;
  const write = far.write.bind(far);
  far.write = ((...args: Parameters<Socket['write']>) => {
    writes++;
    return write(...args);
  }) as Socket['write'];
  for (let i = 1; i <= 200; i++) sender.sendBytes(FrameType.DATA, i, Buffer.from(`chunk ${i}`));
  await inbox.count(200);
  assert.equal(writes, 1);
  assert.equal(inbox.frames[199]?.payload.toString(), 'chunk 200');
});

test('a large body is not overtaken by the small frames around it', async (t) => {
  const { sender, inbox } = await connected(t);
  for (let i = 1; i <= 20; i++) {
    sender.send(FrameType.HEAD, i);
    sender.sendBytes(FrameType.DATA, i, Buffer.alloc(CHUNK_BYTES, i));
    sender.sendNumber(FrameType.CREDIT, i, i * 1000);
  }
  await inbox.count(60);
  for (let i = 1; i <= 20; i++) {
    const [head, data, credit] = inbox.frames.slice((i - 1) * 3, i * 3);
    assert.deepEqual([head?.type, data?.type, credit?.type], [FrameType.HEAD, FrameType.DATA, FrameType.CREDIT]);
    assert.equal(data?.payload[CHUNK_BYTES - 1], i);
    assert.equal(readCredit(credit?.payload ?? Buffer.of()), i * 1000);
  }
});

for (const [name, length] of [
  ['too long', MAX_FRAME_TO_HOST + 1],
  ['as long as can be said', 0xffff_ffff],
  ['shorter than its own header', 4],
  ['empty', 0],
] as const) {
  test(`a frame that is ${name} closes the connection before anything is allocated for it`, async (t) => {
    const { far, inbox, receiver } = await connected(t);
    const before = process.memoryUsage().arrayBuffers;
    far.write(Buffer.concat([frame(8, 1, Buffer.from('fine')), frame(8, 1, Buffer.from('x'), length), frame(8, 2)]));
    await inbox.until(() => inbox.closes.length > 0);
    assert.equal(inbox.closes.length, 1);
    assert.match(inbox.closes[0] ?? '', new RegExp(`a frame of ${length} bytes`));
    assert.deepEqual(
      inbox.frames.map(({ payload }) => payload.toString()),
      ['fine'],
    );
    assert.ok(process.memoryUsage().arrayBuffers - before < 16e6);
    assert.equal(receiver.closed, true);
  });
}

test('a length out of bounds is seen as soon as the header is whole', async (t) => {
  const { far, inbox } = await connected(t);
  const bytes = frame(8, 1, Buffer.of(), 0x7fff_ffff);
  for (const byte of bytes) {
    far.write(Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await inbox.until(() => inbox.closes.length > 0);
  assert.equal(inbox.frames.length, 0);
});

test('a stream that ends in the middle of a frame is an orderly end without that frame', async (t) => {
  const { far, inbox } = await connected(t);
  far.end(frame(8, 1, Buffer.alloc(100)).subarray(0, 50));
  await inbox.until(() => inbox.closes.length > 0);
  assert.deepEqual(inbox.closes, [null]);
  assert.equal(inbox.frames.length, 0);
});

test('after destroy() nothing is sent or delivered, and onClose is called once', async (t) => {
  const { inbox, receiver, far } = await connected(t);
  far.write(frame(8, 1));
  receiver.destroy();
  receiver.send(FrameType.PING, 0);
  receiver.sendBytes(FrameType.DATA, 1, Buffer.alloc(100_000));
  receiver.sendMeta(FrameType.REPLY, 1, '[]', 'x');
  far.resume();
  // What it never read makes this a reset for the other side; that is its own affair.
  far.on('error', () => undefined);
  if (!far.closed) await new Promise((resolve) => far.once('close', resolve));
  assert.deepEqual(inbox.closes, [null]);
  assert.equal(inbox.frames.length, 0);
});

test('a frame that ends the connection is the last one delivered', async (t) => {
  const [near, far] = await socketPair();
  t.after(() => far.destroy());
  const types: number[] = [];
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const receiver: Connection = new Connection(near, {
    maxFrameBytes: MAX_FRAME_TO_HOST,
    onFrame: (type) => {
      types.push(type);
      receiver.destroy();
    },
    onClose: () => resolve(),
  });
  far.write(Buffer.concat([frame(1, 1), frame(2, 1), frame(3, 1)]));
  await closed;
  assert.deepEqual(types, [1]);
});

test('a body is cut into views of one chunk each', () => {
  assert.deepEqual([...chunksOf(new Uint8Array(0))], []);
  assert.deepEqual(
    [...chunksOf(new Uint8Array(CHUNK_BYTES * 2 + 1))].map(({ length }) => length),
    [CHUNK_BYTES, CHUNK_BYTES, 1],
  );
});

test('a meta is read within its payload only', () => {
  const payload = (length: number, rest: string): Buffer => {
    const bytes = Buffer.alloc(4 + rest.length);
    bytes.writeUInt32LE(length, 0);
    bytes.write(rest, 4);
    return bytes;
  };
  assert.deepEqual(parseMeta(payload(3, '[1]body')), [1]);
  assert.equal(metaBody(payload(3, '[1]body')).toString(), 'body');
  for (const bad of [
    payload(8, '[1]body'),
    payload(0xffff_ffff, '[1]'),
    payload(2, '[1]'),
    payload(0, ''),
    Buffer.of(),
    Buffer.of(1, 0, 0),
  ]) {
    assert.throws(() => parseMeta(bad), ProtocolError);
  }
  assert.throws(() => parseMeta(payload(400_000, '['.repeat(400_000))), ProtocolError);
  assert.throws(() => readCredit(Buffer.alloc(3)), ProtocolError);
  assert.throws(() => readCredit(Buffer.alloc(5)), ProtocolError);
});

test('DATA can be had as it comes, in parts that make up the whole, and other frames come whole', async (t) => {
  const [near, far] = await socketPair();
  t.after(() => {
    near.destroy();
    far.destroy();
  });
  const inbox = new Inbox();
  const receiver = new Connection(near, { ...inbox.options, splitsData: true });
  const sender = new Connection(far, new Inbox().options);
  const sent = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
  sender.sendMeta(FrameType.HEAD, 7, 'x'.repeat(100_000), null);
  for (const piece of [sent.subarray(0, 200_000), sent.subarray(200_000, 200_000), sent.subarray(200_000)])
    sender.sendBytes(FrameType.DATA, 7, piece);
  sender.send(FrameType.END, 7);
  await inbox.until(() => inbox.frames.at(-1)?.type === FrameType.END);
  const [head, ...rest] = inbox.frames;
  assert.equal(metaText(head!.payload).length, 100_000);
  const data = rest.filter(({ type, stream }) => type === FrameType.DATA && stream === 7);
  assert.equal(data.length, rest.length - 1);
  assert.ok(data.length > 3);
  assert.ok(Buffer.concat(data.map(({ payload }) => payload)).equals(sent));
  assert.equal(receiver.closed, false);
});

test('DATA in parts is the same however its bytes are cut', async (t) => {
  const frames = [3, 0, 12].map((length) => {
    const encoded = Buffer.alloc(9 + length, 97);
    encoded.writeUInt32LE(5 + length, 0);
    encoded[4] = FrameType.DATA;
    encoded.writeUInt32LE(length, 5);
    return encoded;
  });
  const bytes = Buffer.concat(frames);
  for (let cut = 1; cut < bytes.length; cut++) {
    const [near, far] = await socketPair();
    t.after(() => {
      near.destroy();
      far.destroy();
    });
    const inbox = new Inbox();
    const receiver = new Connection(near, { ...inbox.options, splitsData: true });
    // As the socket would, without waiting for it.
    near.emit('data', bytes.subarray(0, cut));
    near.emit('data', bytes.subarray(cut));
    const sizes = new Map<number, number>();
    for (const { stream, payload } of inbox.frames) sizes.set(stream, (sizes.get(stream) ?? 0) + payload.length);
    assert.deepEqual(
      [...sizes],
      [
        [3, 3],
        [0, 0],
        [12, 12],
      ],
      `cut at ${cut}`,
    );
    assert.equal(receiver.closed, false);
  }
});

test('what a connection frees is gone after the call, but for what may be kept', async (t) => {
  const [near, far] = await socketPair();
  t.after(() => {
    near.destroy();
    far.destroy();
  });
  const body = Buffer.alloc(CHUNK_BYTES, 'x');
  const inbox = new Inbox();
  const lengths: number[] = [];
  const receiver = new Connection(near, {
    ...inbox.options,
    maxFrameBytes: MAX_FRAME_TO_GUEST,
    freesPayloads: true,
    onFrame(type, stream, payload) {
      lengths.push(payload.length);
      inbox.options.onFrame(type, stream, payload);
    },
  });
  assert.equal(receiver.closed, false);
  for (const type of [FrameType.ANSWER_DATA, FrameType.CALL]) {
    // More than one read of a socket: it is put together.
    far.write(frame(type, 1, body));
    await inbox.count(inbox.frames.length + 1);
    // Nobody else's bytes are in the last read.
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(lengths, [CHUNK_BYTES, CHUNK_BYTES]);
  assert.deepEqual(
    inbox.frames.map(({ payload }) => payload.length),
    [0, CHUNK_BYTES],
  );
  assert.ok(inbox.frames[1]?.payload.equals(body));
});

test('a body that a connection owns is freed once it is written, and one that is sent twice arrives twice', async (t) => {
  const [near, far] = await socketPair();
  t.after(() => {
    near.destroy();
    far.destroy();
  });
  const inbox = new Inbox();
  const receiver = new Connection(near, inbox.options);
  assert.equal(receiver.closed, false);
  const sender = new Connection(far, { ...new Inbox().options, freesBodies: true });
  const own = new Uint8Array(CHUNK_BYTES).fill(7);
  const part = own.subarray(CHUNK_BYTES / 2);
  const shared = new Uint8Array(2 * CHUNK_BYTES).fill(8);
  for (let i = 0; i < 20; i++) sender.sendBytes(FrameType.DATA, i, i < 10 ? own : shared.subarray(0, CHUNK_BYTES));
  sender.sendBytes(FrameType.DATA, 20, part);
  await inbox.count(21);
  assert.ok(inbox.frames.pop()?.payload.equals(Buffer.alloc(CHUNK_BYTES / 2, 7)));
  assert.equal(own.length, 0);
  assert.equal(shared.length, 2 * CHUNK_BYTES);
  for (const [i, { payload }] of inbox.frames.entries())
    assert.ok(payload.equals(Buffer.alloc(CHUNK_BYTES, i < 10 ? 7 : 8)), `${i}`);
});

test('what is relayed arrives, though its own connection frees it', async (t) => {
  const [near, far] = await socketPair();
  const [nearer, farther] = await socketPair();
  t.after(() => [near, far, nearer, farther].forEach((socket) => socket.destroy()));
  const inbox = new Inbox();
  const end = new Connection(farther, inbox.options);
  const onward = new Connection(nearer, { ...new Inbox().options, freesBodies: true });
  const relay = new Connection(near, {
    ...new Inbox().options,
    freesPayloads: true,
    onFrame: (type, stream, payload) => onward.relay(type as FrameType, stream, payload),
  });
  assert.deepEqual([end.closed, relay.closed], [false, false]);
  const sizes = [0, 10, 8_191, 8_192, 8_193, CHUNK_BYTES, 300_000];
  for (const [i, size] of sizes.entries()) far.write(frame(FrameType.DATA, i, Buffer.alloc(size, i)));
  await inbox.count(sizes.length);
  for (const [i, { payload }] of inbox.frames.entries()) assert.ok(payload.equals(Buffer.alloc(sizes[i] ?? 0, i)));
});
