import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { RawOutput } from '../../../src/tiers/raw-output.ts';

function outputOf(): { readonly stream: PassThrough; readonly lines: string[]; readonly output: RawOutput } {
  const stream = new PassThrough();
  const lines: string[] = [];
  const output = new RawOutput(stream, (line) => void lines.push(line));
  stream.on('data', (chunk: Buffer) => output.take(chunk));
  return { stream, lines, output };
}

test('lines are told as they end, and what is left at the end of the stream', async () => {
  const { stream, lines } = outputOf();
  for (const piece of ['on', 'e\ntw', 'o\n\nthr', 'ee']) stream.write(piece);
  const ended = new Promise((resolve) => stream.once('end', resolve));
  stream.end();
  await ended;
  assert.deepEqual(lines, ['one', 'two', '', 'three']);
});

test('a character that is cut in two is told whole', () => {
  const { lines, output } = outputOf();
  const bytes = Buffer.from('é\n');
  output.take(bytes.subarray(0, 1));
  output.take(bytes.subarray(1));
  assert.deepEqual(lines, ['é']);
});

test('a line that does not end is cut', () => {
  const { lines, output } = outputOf();
  output.take(Buffer.alloc(100_000, 'x'));
  assert.equal(lines.join('').length, 100_000);
  assert.ok(lines.every((line) => line.length <= 16 * 1024));
});

test('whoever writes without end is read no faster than a megabyte a second', async () => {
  const { stream, lines } = outputOf();
  let written = 0;
  const piece = Buffer.from(`${'y'.repeat(1023)}\n`.repeat(64));
  while (!stream.isPaused() && written < 100) {
    stream.write(piece);
    written++;
    await new Promise(setImmediate);
  }
  assert.ok(stream.isPaused());
  assert.ok(lines.length <= 1100, `${lines.length} lines`);
});
