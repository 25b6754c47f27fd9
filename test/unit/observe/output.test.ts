import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import { test } from 'node:test';
import { createOutput } from '../../../src/observe/output.ts';

test('lines are gathered into one write', async () => {
  const stream = new PassThrough();
  const output = createOutput(stream);
  output.line('one');
  output.line('two');
  const [chunk] = (await once(stream, 'data')) as [Buffer];
  assert.equal(chunk.toString(), 'one\ntwo\n');
});

test('a line stays one line', () => {
  const stream = new PassThrough();
  const output = createOutput(stream);
  output.line('a\nb\x1b[2J');
  output.flush();
  assert.equal(String(stream.read()), 'a\\nb\\u001b[2J\n');
});

test('flush writes at once', () => {
  const stream = new PassThrough();
  const output = createOutput(stream);
  output.line('bye');
  output.flush();
  assert.equal(String(stream.read()), 'bye\n');
});

test('a reader that is behind loses lines and is told how many', () => {
  const written: string[] = [];
  const stuck: (() => void)[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk));
      stuck.push(done);
    },
  });
  const output = createOutput(stream);
  for (let i = 0; i < 2000; i += 1) output.line('x'.repeat(1023));
  output.flush();
  assert.ok(written[0]!.length < 1024 * 1024 + 4096);
  assert.match(written[0]!, /\[cordon\] 97[0-9] lines were dropped/);
});

test('a reader that has gone does not end the process', async () => {
  const script = `
    import { createOutput } from ${JSON.stringify(new URL('../../../src/observe/output.ts', import.meta.url).href)};
    const output = createOutput(process.stdout);
    setInterval(() => { output.line('x'.repeat(1000)); output.flush(); }, 1);
    setTimeout(() => process.exit(7), 300);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = await once(child, 'exit');
  assert.equal(code, 7);
});
