/** What a Python function prints, in whatever way, as lines of its invocation's log. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordingSink } from '../../../support/calls.ts';
import { pythonAgents, type PythonSandbox } from '../../../support/python-agent.ts';

const agents = pythonAgents();

async function linesOf(sandbox: PythonSandbox, id: string, body = ''): Promise<string[]> {
  const sink = new RecordingSink();
  sandbox.start({ id, body: Buffer.from(body) }, sink);
  assert.notEqual(await sink.outcome, '');
  assert.equal(sink.fault, null);
  return sandbox.agent.logs
    .filter(({ invocation }) => invocation === id)
    .map(({ entry: { level, message } }) => `${level}: ${message}`);
}

test('print, sys.stderr, logging, children and raw writes are lines of the invocation that they belong to', async () => {
  const sandbox = await agents.open(`
import logging, os, subprocess, sys, ctypes
print('while it loads')
def handler(event, context):
    print('a', 'b')
    print('no', end='')
    print('w')
    print('two\\nlines')
    sys.stdout.writelines(['x\\n', 'y\\n'])
    sys.stdout.buffer.write('bytes é\\n'.encode())
    print('to stderr', file=sys.stderr)
    logging.info('below the level')
    logging.warning('warned %s', 1)
    logging.getLogger('mine').error('several\\nlines')
    os.write(1, b'raw\\n')
    context.log('by', 'context')
    subprocess.run([sys.executable, '-c', 'print("child"); import sys; print("child error", file=sys.stderr)'])
    sys.stdout.flush()
    print('unfinished', end='')`);
  const lines = await linesOf(sandbox, 'one');
  const own = lines.filter((line) => !/raw|child/.test(line));
  assert.deepEqual(own, [
    'info: a b',
    'info: now',
    'info: two',
    'info: lines',
    'info: x',
    'info: y',
    'info: bytes é',
    'error: to stderr',
    'warn: WARNING:root:warned 1',
    'error: ERROR:mine:several\nlines',
    'info: by context',
    'info: unfinished',
  ]);
  assert.deepEqual(lines.filter((line) => /raw|child/.test(line)).toSorted(), [
    'error: child error',
    'info: child',
    'info: raw',
  ]);
  assert.deepEqual(
    sandbox.agent.logs.filter(({ invocation }) => invocation === null).map(({ entry }) => entry.message),
    ['while it loads'],
  );
});

test('logging is as Python has it: its levels, and what basicConfig says', async () => {
  const sandbox = await agents.open(`
import logging
logging.basicConfig(level=logging.DEBUG, format='%(name)s %(message)s')
def handler(event, context):
    for level in ('debug', 'info', 'warning', 'error', 'critical'): getattr(logging.getLogger('app'), level)(level)
    try: 1 / 0
    except Exception: logging.exception('caught')`);
  const lines = await linesOf(sandbox, 'levels');
  assert.deepEqual(lines.slice(0, 5), [
    'debug: app debug',
    'info: app info',
    'warn: app warning',
    'error: app error',
    'error: app critical',
  ]);
  assert.match(lines[5] as string, /^error: root caught\nTraceback[^]+ZeroDivisionError: division by zero$/);
});

test('what is written after an invocation is the sandbox’s', async () => {
  const sandbox = await agents.open(`
import threading
go = threading.Event()
def later():
    go.wait()
    print('too late')
def handler(event, context):
    if event['body'] == 1: threading.Thread(target=later).start()
    else: go.set()`);
  await linesOf(sandbox, 'begins', '1');
  await sandbox.call({ id: 'ends', body: Buffer.from('2') });
  await sandbox.agent.log(({ message }) => message === 'too late');
  assert.notEqual(sandbox.agent.logs.find(({ entry }) => entry.message === 'too late')?.invocation, 'begins');
});

test('a gigabyte that is printed costs no memory, and is cut with a notice', async () => {
  const floods = {
    print: `for _ in range(1024): print(LINES)`,
    line: `print(LONG * 64)`,
    buffer: `for _ in range(64): sys.stdout.buffer.write(LONG.encode())`,
    logging: `for _ in range(100000): logging.error('x' * 100)`,
    child: `subprocess.run(['/bin/sh', '-c', 'head -c 1000000000 /dev/zero | tr "\\\\000" x'])`,
    raw: `for _ in range(1000): os.write(2, LONG[:1000000].encode())`,
  };
  for (const [kind, code] of Object.entries(floods)) {
    const sandbox = await agents.open(
      `import logging, os, resource, subprocess, sys
LINES = ('x' * 99 + '\\n') * 10486
LONG = 'x' * (1 << 24)
def handler(event, context):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ${code}
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before`,
      { limits: { logBytes: 10_000, timeoutMs: 300_000 } },
    );
    const sink = new RecordingSink();
    sandbox.start({ id: kind }, sink);
    await sink.outcome;
    const most = kind === 'line' ? (1 << 30) / 1024 + 64 * 1024 : 96 * 1024;
    assert.ok(Number(sink.text) < most, `${kind} took ${sink.text} KB`);
    assert.ok(sink.logs.join('').length < 12_000, kind);
    assert.equal(sink.logs.at(-1), 'The log of this invocation is longer than 10000 bytes; the rest is dropped');
    assert.equal((await sandbox.call({ id: `${kind}-again`, reply: 'load' })).status, 204);
    assert.deepEqual(sandbox.agent.broken, [], kind);
  }
});
