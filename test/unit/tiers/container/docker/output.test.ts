import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { readOutput } from '../../../../../src/tiers/container/docker/output.ts';
import { socketPair } from '../../../../support/socket-pair.ts';

function piece(stream: number, content: string | Buffer): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(content), 4);
  return Buffer.concat([header, Buffer.from(content)]);
}

async function send(far: Socket, pieces: readonly Buffer[]): Promise<void> {
  for (const bytes of pieces) {
    far.write(bytes);
    await new Promise(setImmediate);
  }
  far.end();
}

test('stdout and stderr are told apart, however the stream is cut', async () => {
  const whole = Buffer.concat([piece(1, 'out '), piece(2, 'err '), piece(1, ''), piece(0, 'in '), piece(1, 'out')]);
  for (const cut of [1, 3, 7, 8, 9, whole.length]) {
    const [near, far] = await socketPair();
    const { stdout, stderr, ended } = readOutput(near);
    const parts = Array.from({ length: Math.ceil(whole.length / cut) }, (_, i) =>
      whole.subarray(i * cut, (i + 1) * cut),
    );
    const [out, err] = await Promise.all([text(stdout), text(stderr), send(far, parts)]);
    assert.deepEqual([out, err], ['out in out', 'err ']);
    await ended;
  }
});

test('what is no such stream is closed at once', async () => {
  for (const hostile of [Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), Buffer.from([1, 0, 0, 0, 255, 255, 255, 255])]) {
    const [near, far] = await socketPair();
    const { stdout, stderr, ended } = readOutput(near);
    far.on('error', () => undefined);
    far.write(hostile);
    await ended;
    assert.deepEqual(await Promise.all([text(stdout), text(stderr)]), ['', '']);
    far.destroy();
  }
});

test('a reader that is slow holds the container back', async () => {
  const [near, far] = await socketPair();
  const { stdout, stderr, ended } = readOutput(near);
  stderr.resume();
  const flood = piece(1, Buffer.alloc(1024 * 1024));
  let sent = 0;
  while (far.write(flood) || far.writableLength < 8 * flood.length) {
    sent++;
    if (sent > 64) assert.fail('it was all taken, though nobody reads');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(stdout.readableLength < 2 * flood.length);
  stdout.resume();
  await once(far, 'drain');
  far.end();
  await ended;
});
