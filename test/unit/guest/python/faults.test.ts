/** What goes wrong in a Python function: codes, messages, and stacks of the author's own lines. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pythonAgents } from '../../../support/python-agent.ts';
import { RecordingSink } from '../../../support/calls.ts';

const agents = pythonAgents();

test('what a handler raises is a fault, with a stack of its own files alone', async () => {
  const files = {
    'main.py': `import json\nfrom lib import helper\n\ndef handler(event, context):\n    helper.parse(event['body'])\n`,
    'lib/helper.py': `import json\n\ndef parse(text):\n    try:\n        return json.loads(text)\n    except ValueError as error:\n        raise KeyError('wrong') from error\n`,
  };
  const sandbox = await agents.open(files);
  const fault = await sandbox.fault({ body: Buffer.from('nothing') });
  assert.deepEqual([fault.code, fault.message], ['HANDLER_THREW', `KeyError: 'wrong'`]);
  assert.equal(
    fault.details.stack?.replaceAll(/^ *[\^~]+\n/gm, ''),
    `Traceback (most recent call last):
  File "lib/helper.py", line 5, in parse
    return json.loads(text)
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "main.py", line 5, in handler
    helper.parse(event['body'])
  File "lib/helper.py", line 7, in parse
    raise KeyError('wrong') from error
KeyError: 'wrong'`,
  );
  assert.equal((await sandbox.fault({ body: Buffer.from('again') })).code, 'HANDLER_THREW');
});

const raised: readonly (readonly [code: string, message: RegExp])[] = [
  ['sys.exit(3)', /^The function called sys\.exit\(3\)$/],
  ['raise KeyboardInterrupt', /^KeyboardInterrupt$/],
  ['recurse()', /^RecursionError: maximum recursion depth exceeded/],
  ['bytearray(1 << 62)', /^MemoryError$/],
  ['raise Nasty', /^Nasty$/],
  ['raise GeneratorExit', /^GeneratorExit$/],
  ['asyncio.run(fail())', /^ZeroDivisionError: division by zero$/],
  ['raise ValueError("x" * 100000)', /^ValueError: x{8000}/],
  ['raise StopIteration(1)', /^StopIteration: 1$/],
];

test('nothing that a handler raises ends the agent', async () => {
  const head = `
import sys, asyncio
def recurse(): recurse()
async def fail(): 1 / 0
class Nasty(BaseException):
    def __str__(self): raise Exception('no')
    __repr__ = __str__
`;
  const bodies = raised.map(([code], i) => `    if event['body'] == ${i}: ${code}`).join('\n');
  for (const keyword of ['', 'async ']) {
    const sandbox = await agents.open(`${head}${keyword}def handler(event, context):\n${bodies}\n    return 'fine'`);
    for (const [i, [code, message]] of raised.entries()) {
      if (keyword !== '' && code.startsWith('asyncio.run')) continue;
      const fault = await sandbox.fault({ body: Buffer.from(String(i)) });
      assert.equal(fault.code, 'HANDLER_THREW', code);
      if (keyword === '' || !code.includes('StopIteration')) assert.match(fault.message, message, code);
    }
    assert.equal((await sandbox.call()).body, '"fine"');
    assert.deepEqual(sandbox.agent.broken, []);
  }
});

test('a syntax error is told with its file and line, and so are other ways not to load', async () => {
  const compile = await (await agents.open('def handler(event, context)\n    return 1')).fault();
  assert.equal(compile.code, 'COMPILE_FAILED');
  assert.match(compile.message, /^SyntaxError: .+ \(main\.py, line 1\)$/);
  assert.match(compile.details.stack ?? '', /^ {2}File "main\.py", line 1$/m);
  const imported = await (await agents.open({ 'main.py': 'import other', 'other.py': '\nx = = 1' })).fault();
  assert.deepEqual(
    [imported.code, imported.message],
    ['COMPILE_FAILED', 'SyntaxError: invalid syntax (other.py, line 2)'],
  );
  const missing = await (await agents.open('import requests')).fault();
  assert.deepEqual(
    [missing.code, missing.message, missing.details.stack],
    [
      'LOAD_FAILED',
      `ModuleNotFoundError: No module named 'requests'`,
      `Traceback (most recent call last):\n  File "main.py", line 1, in <module>\n    import requests\nModuleNotFoundError: No module named 'requests'`,
    ],
  );
  const evaluated = await (await agents.open(`eval('1 +')`)).fault();
  assert.equal(evaluated.code, 'LOAD_FAILED');
  const exited = await (await agents.open('import sys\nsys.exit("bye")')).fault();
  assert.deepEqual([exited.code, exited.message], ['LOAD_FAILED', `The function called sys.exit('bye')`]);
});

test('a module without a handler is told what it lacks', async () => {
  const none = await (await agents.open('x = 1')).fault();
  assert.equal(none.code, 'HANDLER_MISSING');
  assert.match(none.message, /^main has no handler or app or application that can be called/);
  const named = await (await agents.open('x = 1', { handlerName: 'x' })).fault();
  assert.match(named.message, /^main has no x that can be called/);
  const script = await (await agents.open('x = 1', { handler: 'script' })).fault();
  assert.match(script.message, /^Script bodies are JavaScript/);
  const artifact = { format: 'script', code: Buffer.from('0'), cache: null, interleaves: true } as const;
  assert.match((await (await agents.open('', { artifact })).fault()).message, /^A script is JavaScript/);
});

test('os._exit ends the process, and its invocation hears why', async () => {
  const sandbox = await agents.open(`import os\ndef handler(event, context): os._exit(4)`);
  const fault = await sandbox.fault();
  assert.deepEqual([fault.code, fault.message], ['HANDLER_THREW', 'The function called os._exit(4)']);
  assert.deepEqual(await sandbox.agent.exited, [4, null]);
});

test('a process that dies takes its invocation along', async () => {
  const sandbox = await agents.open(
    `import os, signal\ndef handler(event, context): os.kill(os.getpid(), signal.SIGKILL)`,
  );
  assert.equal((await sandbox.fault()).code, 'SANDBOX_RECYCLED');
});

test('a thread that dies is a line of the log', async () => {
  const sandbox = await agents.open(
    `import threading\ndef fail(): 1 / 0\ndef handler(event, context):\n    t = threading.Thread(target=fail, name='mine')\n    t.start()\n    t.join()\n    return 'fine'`,
  );
  const sink = new RecordingSink();
  sandbox.start({}, sink);
  await sink.outcome;
  assert.equal(sink.text, '"fine"');
  assert.match(sink.logs.join('\n'), /^Exception in thread mine:[^]+ZeroDivisionError: division by zero$/);
});

test('a response that is too large is refused, and one that is not streamed is bounded', async () => {
  const sandbox = await agents.open(
    `def handler(event, context): return {'statusCode': 200, 'body': 'x' * event['body']}`,
    {
      limits: { responseBytes: 1000 },
    },
  );
  assert.equal((await sandbox.call({ body: Buffer.from('1000') })).body.length, 1000);
  for (const reply of ['http', 'value'] as const) {
    const fault = await sandbox.fault({ reply, body: Buffer.from('1001') });
    assert.equal(fault.code, 'RESPONSE_TOO_LARGE');
  }
});

test('a signal handler that raises while nothing runs is a line of the log', async () => {
  const sandbox = await agents.open(
    `import signal\ndef on(*args): raise ValueError('idle')\nsignal.signal(signal.SIGUSR1, on)\ndef handler(event, context): return 1`,
  );
  await sandbox.call();
  sandbox.agent.child.kill('SIGUSR1');
  const { message } = await sandbox.agent.log(({ level }) => level === 'error');
  assert.match(message, /ValueError: idle/);
  assert.equal((await sandbox.call()).body, '1');
});
