import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Executions } from '../../../src/core/execution.ts';
import { Fault } from '../../../src/core/faults.ts';
import type { Artifact, FunctionVersion } from '../../../src/core/function.ts';
import type { Exchange, ResponseSink } from '../../../src/core/invocation.ts';
import { DEFAULT_CHOSEN } from '../../../src/core/limits.ts';
import { ANONYMOUS } from '../../../src/core/principal.ts';
import { createExecutions } from '../../../src/supervisor/executions.ts';

const BUILT: Artifact = { format: 'script', code: Buffer.from('built'), cache: null, interleaves: false };
const ENVELOPE = Buffer.from('{"statusCode":201,"headers":{},"body":"hi"}');

/** Executions whose runs the test plays, one after another. */
function played(
  plays: ((sink: ResponseSink, version: FunctionVersion) => void)[],
  build: () => Promise<Artifact> = () => Promise.resolve(BUILT),
): { executions: Executions; cancelled: string[] } {
  const cancelled: string[] = [];
  const executions = createExecutions({
    invoker: {
      invoke(version, call, sink) {
        const exchange: Exchange = {
          running: true,
          write: () => true,
          endBody: () => undefined,
          resume: () => undefined,
          cancel: () => void cancelled.push(call.id),
        };
        sink.attach(exchange);
        plays.shift()?.(sink, version);
      },
    },
    tier: 'isolate',
    maxCodeBytes: 1000,
    largest: DEFAULT_CHOSEN,
    maxBodyBytes: 1000,
    maxResponseBytes: 60,
    nextId: () => 'e-1',
    build,
  });
  return { executions, cancelled };
}

const line = { level: 'info', message: 'so far', timeMs: 1 } as const;

test('an execution brings what its handler answered, whole or in pieces', async () => {
  for (const play of [
    (sink: ResponseSink): void => sink.complete(200, [], ENVELOPE),
    (sink: ResponseSink): void => {
      sink.head(200, []);
      sink.data(ENVELOPE.subarray(0, 9));
      sink.data(ENVELOPE.subarray(9));
      sink.end();
    },
  ]) {
    const outcome = await played([play]).executions.start({ code: 'x' }, ANONYMOUS, '').outcome;
    assert.deepEqual(outcome.ok && outcome.result, { statusCode: 201, headers: {}, body: 'hi' });
  }
});

test('an execution that fails brings its fault and the lines so far', async () => {
  const { executions } = played([
    (sink) => {
      sink.log?.(line);
      sink.fail(new Fault('TIMED_OUT', 'Execution timed out after 1s'));
    },
  ]);
  const outcome = await executions.start({ code: 'x' }, ANONYMOUS, '').outcome;
  assert.deepEqual(outcome.ok || [outcome.fault.code, outcome.logs], ['TIMED_OUT', ['so far']]);
});

test('a result that is no JSON or too large is a fault', async () => {
  for (const [body, code] of [
    [Buffer.from('{'), 'BAD_RESPONSE'],
    [Buffer.alloc(61), 'RESPONSE_TOO_LARGE'],
  ] as const) {
    const { executions } = played([(sink) => sink.complete(200, [], body)]);
    const outcome = await executions.start({ code: 'x' }, ANONYMOUS, '').outcome;
    assert.equal(outcome.ok || outcome.fault.code, code);
  }
});

test('what the engine can not parse is built and run once more, and only once', async () => {
  const refuse = (sink: ResponseSink): void => sink.fail(new Fault('COMPILE_FAILED', 'no'));
  const { executions } = played([
    refuse,
    (sink, { artifact }) => {
      assert.equal(artifact, BUILT);
      sink.complete(200, [], ENVELOPE);
    },
  ]);
  assert.equal((await executions.start({ code: 'let x: number' }, ANONYMOUS, '').outcome).ok, true);

  const twice = await played([refuse, refuse]).executions.start({ code: 'x' }, ANONYMOUS, '').outcome;
  assert.equal(twice.ok || twice.fault.code, 'COMPILE_FAILED');
  const unbuildable = played([refuse], () => Promise.reject(new Fault('COMPILE_FAILED', 'line 1')));
  const outcome = await unbuildable.executions.start({ code: 'x' }, ANONYMOUS, '').outcome;
  assert.equal(outcome.ok || outcome.fault.message, 'line 1');
});

test('an execution that nobody waits for is cancelled, also while it is built', async () => {
  const running = played([() => undefined]);
  running.executions.start({ code: 'x' }, ANONYMOUS, '').cancel();
  assert.deepEqual(running.cancelled, ['e-1']);

  const { promise, resolve } = Promise.withResolvers<Artifact>();
  const building = played(
    [(sink) => sink.fail(new Fault('COMPILE_FAILED', 'no')), () => assert.fail('it ran after all')],
    () => promise,
  );
  building.executions.start({ code: 'x' }, ANONYMOUS, '').cancel();
  resolve(BUILT);
  await promise;
});
