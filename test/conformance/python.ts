/** The part of the tiers' suite that is about Python: every container tier that has the runtime passes it. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Capabilities } from '../../src/core/capability.ts';
import type { FunctionVersion } from '../../src/core/function.ts';
import type { LogEntry } from '../../src/core/invocation.ts';
import type { Executor, Tier } from '../../src/core/tier.ts';
import { makeVersion, RecordingSink } from '../support/calls.ts';
import { MemoryCapabilities, servePlaces, type MemoryExchange } from '../support/memory-capabilities.ts';
import { pythonArtifact, type PythonFiles } from '../support/python-files.ts';
import { OpenSandbox } from '../support/sandbox.ts';

export interface PythonTierUnderTest {
  readonly tier: Tier;
  close(): Promise<void>;
}

export type StartPythonTier = (capabilities: Capabilities) => Promise<PythonTierUnderTest>;

type Options = Partial<Omit<FunctionVersion, 'limits'>> & { readonly limits?: Partial<FunctionVersion['limits']> };

const MB = 1024 * 1024;
const SENTINEL = 'CORDON_TEST_OF_THE_HOST';

/** Each function has an executor of its own, as the runtime wants it. */
export function testPython(name: string, start: StartPythonTier): void {
  describe(`${name}: Python`, () => {
    const capabilities = new MemoryCapabilities(serve);
    const executors: Executor[] = [];
    const broken: string[] = [];
    const logs: { readonly invocation: string | null; readonly entry: LogEntry }[] = [];
    let subject: PythonTierUnderTest;
    before(async () => {
      process.env[SENTINEL] = 'set';
      subject = await start(capabilities);
    });
    after(async () => {
      delete process.env[SENTINEL];
      await Promise.all(executors.map((executor) => executor.kill('the suite is over')));
      await subject?.close();
      assert.deepEqual(broken, [], 'no function made its executor break the protocol');
    });

    let count = 0;
    const open = async (files: string | PythonFiles, options: Options = {}): Promise<OpenSandbox> => {
      const executor = await subject.tier.spawn('python');
      executors.push(executor);
      executor.listen({
        onExit: () => undefined,
        onBroken: (reason) => void broken.push(reason),
        onOverrun: () => undefined,
        onLog: (_version, invocation, entry) => void logs.push({ invocation, entry }),
      });
      const limits = { memoryMb: 128, ...options.limits };
      const given = { artifact: pythonArtifact(files), tier: subject.tier.name, env: { GIVEN: 'value' } };
      return new OpenSandbox(
        executor,
        makeVersion(`py${++count}`, { runtime: 'python', ...given, ...options, limits }),
      );
    };
    const run = async (body: string): Promise<unknown> =>
      JSON.parse((await (await open(`import os\ndef handler(event, context):\n${body}`)).call()).body);

    test('a handler answers an event, and keeps its state', async () => {
      const sandbox = await open({
        'main.py': `import helper\nn = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return {'statusCode': 201, 'headers': {'x-n': n}, 'body': helper.shout(event['body']['word'])}`,
        'helper.py': 'def shout(word): return word.upper()',
      });
      for (const n of ['1', '2']) {
        const answer = await sandbox.call({ method: 'POST', body: Buffer.from('{"word":"hello"}') });
        assert.deepEqual([answer.status, answer.headers[1], answer.body], [201, n, 'HELLO']);
      }
    });

    test('a WSGI application streams both ways', async () => {
      const sandbox = await open(`
def app(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    while True:
        part = environ['wsgi.input'].read(65536)
        if not part: return
        yield part.upper()`);
      const sink = sandbox.start({ method: 'POST', body: 'stream' });
      const chunk = Buffer.alloc(100_000, 'a');
      for (let sent = 0; sent < 30; sent++) {
        const { promise, resolve } = Promise.withResolvers<void>();
        if (!sink.exchange.write(chunk, resolve)) await promise;
      }
      sink.exchange.endBody();
      assert.equal(await sink.outcome, 'end');
      assert.ok(Buffer.concat(sink.chunks).equals(Buffer.alloc(3_000_000, 'A')));
    });

    test('an ASGI application has its lifespan, and large answers', async () => {
      const sandbox = await open(`
async def app(scope, receive, send):
    if scope['type'] == 'lifespan':
        await receive()
        scope['state']['ready'] = True
        await send({'type': 'lifespan.startup.complete'})
        await receive()
        return
    await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'x-ready', str(scope['state']['ready']).encode())]})
    await send({'type': 'http.response.body', 'body': b'x' * ${3 * MB}})`);
      const { headers, body } = await sandbox.call();
      assert.deepEqual([headers[1], body.length], ['True', 3 * MB]);
    });

    test('errors are faults with the lines of the author', async () => {
      const sandbox = await open(`def handler(event, context):\n    return 1 / 0`);
      const fault = await sandbox.fault();
      assert.deepEqual([fault.code, fault.message], ['HANDLER_THREW', 'ZeroDivisionError: division by zero']);
      assert.match(fault.details.stack ?? '', /^ {2}File "main\.py", line 2, in handler$/m);
      assert.doesNotMatch(fault.details.stack ?? '', /cordon_agent/);
      const wrong = await (await open('def handler(:')).fault();
      assert.deepEqual([wrong.code, wrong.message.endsWith('(main.py, line 1)')], ['COMPILE_FAILED', true]);
      assert.equal((await (await open('import no_such_module')).fault()).code, 'LOAD_FAILED');
      assert.equal((await (await open('x = 1')).fault()).code, 'HANDLER_MISSING');
    });

    test('what is printed is logged, by whatever prints it', async () => {
      const sandbox = await open(
        `import logging, os, sys\ndef handler(event, context):\n    print('printed')\n    logging.getLogger('a').warning('warned')\n    os.write(1, b'raw\\n')\n    if os.fork() == 0:\n        print('child')\n        os._exit(0)\n    os.wait()`,
      );
      const sink = new RecordingSink();
      sandbox.start({ id: 'prints' }, sink);
      await sink.outcome;
      assert.deepEqual(sink.logs.toSorted(), ['child', 'printed', 'raw', 'warned']);
    });

    test('a function that prints a gigabyte is cut', async () => {
      const sandbox = await open(
        `LINES = ('x' * 99 + '\\n') * 10486\ndef handler(event, context):\n    for _ in range(1024): print(LINES)`,
        { limits: { logBytes: 10_000 } },
      );
      const sink = new RecordingSink();
      sandbox.start({}, sink);
      assert.equal(await sink.outcome, 'complete');
      assert.equal(sink.logs.at(-1), 'The log of this invocation is longer than 10000 bytes; the rest is dropped');
    });

    test('ctx asks the host, and so does a proxy’s client through the egress door', async () => {
      const found = await run(`
    import urllib.request
    from cordon import ctx
    answer = ctx.fetch('http://echo/path', method='POST', body='sent').json()
    through = urllib.request.urlopen('http://example.com/path').read().decode()
    return [ctx.kv.get('key'), answer['body'], through]`);
      assert.deepEqual(found, ['of kv.get', 'sent', 'GET http://example.com/path HTTP/1.1']);
    });

    test('there is no other way out', async () => {
      assert.match(
        (await run(`
    import socket
    try: return str(socket.create_connection(('192.0.2.1', 80), 5))
    except OSError as error: return type(error).__name__ + ': ' + str(error)`)) as string,
        /^(?:OSError|PermissionError)/,
      );
    });

    test('the process is nobody’s in particular, with an environment of its own', async () => {
      const [uid, env, socket] = (await run(
        `    return [os.getuid(), {k: v for k, v in os.environ.items() if 'proxy' not in k.lower()}, [os.readlink(f'/proc/self/fd/{n}') for n in (0, 1, 2)]]`,
      )) as [number, Record<string, string>, string[]];
      assert.notEqual(uid, 0);
      assert.equal(env['GIVEN'], 'value');
      assert.equal(env[SENTINEL], undefined, 'nothing is inherited from the host');
      assert.equal(socket.length, 3);
    });

    test('a process that ends itself says so, and one that dies is recycled', async () => {
      const exits = await (await open('import os\ndef handler(event, context): os._exit(3)')).fault();
      assert.equal(exits.message, 'The function called os._exit(3)');
      const dies = await (await open('import os\ndef handler(event, context): os.abort()')).fault();
      assert.equal(dies.code, 'SANDBOX_RECYCLED');
    });
  });
}

/** What the host has behind `ctx` and the door. */
function serve(exchange: MemoryExchange): void {
  const { kind, meta } = exchange.call;
  if (kind === 'fetch') return servePlaces(exchange);
  if (kind === 'rpc') {
    exchange.head(null);
    exchange.data(Buffer.from(JSON.stringify({ value: `of ${(meta as { method: string }).method}` })));
    return exchange.end();
  }
  exchange.head(null);
  const { write } = exchange;
  exchange.write = (chunk, onDrain) => {
    const more = write.call(exchange, chunk, onDrain);
    answerRequest(exchange);
    return more;
  };
  // It may have come with what was asked.
  answerRequest(exchange);
}

/** Once a request of HTTP is there, its first line is the response. */
function answerRequest(exchange: MemoryExchange): void {
  if (!exchange.text.endsWith('\r\n\r\n')) return;
  const line = exchange.text.split('\r\n')[0] as string;
  exchange.data(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${line.length}\r\nConnection: close\r\n\r\n${line}`));
  exchange.end();
}
