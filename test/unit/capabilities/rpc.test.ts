/** The dispatcher and its adapter to the seam of the sandboxes: grants, bounds, ends. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { rpcCapability } from '../../../src/capabilities/rpc-capability.ts';
import { createRpc } from '../../../src/capabilities/rpc.ts';
import type { CapabilityExchange, CapabilityRefusal, CapabilitySink } from '../../../src/core/capability.ts';
import { Fault } from '../../../src/core/faults.ts';
import type { FaultCode } from '../../../src/core/faults.ts';
import { RpcError } from '../../../src/core/rpc.ts';
import type { Rpc, RpcMethod } from '../../../src/core/rpc.ts';
import { makeCall, makeVersion } from '../../support/calls.ts';

const CALLER = { version: makeVersion('f', { capabilities: ['kv'] }), call: makeCall() };
const { signal } = new AbortController();

const rpcOf = (run: RpcMethod, reported: unknown[] = []): Rpc =>
  createRpc({
    services: { kv: { methods: { get: { grant: 'kv', run }, drop: { grant: 'db', run } } } },
    report: (error) => void reported.push(error),
  });

const code =
  (expected: string) =>
  (error: unknown): boolean =>
    error instanceof RpcError && error.code === expected;

describe('the dispatcher', () => {
  test('runs the method with the caller that the host knows and the params that were sent', async () => {
    const rpc = rpcOf(async (caller, params) => [caller === CALLER, params]);
    assert.deepEqual(await rpc.dispatch(CALLER, { method: 'kv.get', params: { a: 1 } }, signal), [true, { a: 1 }]);
  });

  test('finds no method by a forged name', async () => {
    const rpc = rpcOf(async () => assert.fail('it ran'));
    const names = ['', 'kv', 'kv.', '.get', 'get', 'kv.get ', 'KV.get', '__proto__', 'constructor', 'kv.__proto__'];
    names.push('kv.constructor', 'toString', 'kv.get.run', 'hasOwnProperty', 'kv.methods.get', 'kv/get');
    for (const method of names)
      await assert.rejects(rpc.dispatch(CALLER, { method, params: null }, signal), code('BAD_REQUEST'), method);
  });

  test('refuses what the version was not granted', async () => {
    const rpc = rpcOf(async () => assert.fail('it ran'));
    await assert.rejects(rpc.dispatch(CALLER, { method: 'kv.drop', params: null }, signal), code('NOT_GRANTED'));
    const version = makeVersion('g', { capabilities: [] });
    await assert.rejects(
      rpc.dispatch({ ...CALLER, version }, { method: 'kv.get', params: null }, signal),
      code('NOT_GRANTED'),
    );
  });

  test('refuses what comes after the end of its invocation', async () => {
    const rpc = rpcOf(async () => assert.fail('it ran'));
    await assert.rejects(
      rpc.dispatch(CALLER, { method: 'kv.get', params: null }, AbortSignal.abort()),
      code('CANCELLED'),
    );
  });

  test('tells a fault by its code, and of an error of ours nothing', async () => {
    const codes: readonly (readonly [FaultCode, string])[] = [
      ['BAD_REQUEST', 'BAD_REQUEST'],
      ['FORBIDDEN', 'FORBIDDEN'],
      ['CONFLICT', 'CONFLICT'],
      ['QUOTA_EXCEEDED', 'QUOTA_EXCEEDED'],
      ['THROTTLED', 'THROTTLED'],
      ['OVERLOADED', 'UNAVAILABLE'],
      ['TENANT_SUSPENDED', 'FORBIDDEN'],
      ['UNAUTHORIZED', 'INTERNAL'],
    ];
    for (const [thrown, told] of codes) {
      const rpc = rpcOf(() => Promise.reject(new Fault(thrown, 'why')));
      await assert.rejects(rpc.dispatch(CALLER, { method: 'kv.get', params: null }, signal), code(told), thrown);
    }
    const reported: unknown[] = [];
    const secret = new Error('postgres://user:password@host');
    for (const run of [
      () => Promise.reject(secret),
      () => {
        throw secret;
      },
    ])
      // oxfmt-ignore
      await assert.rejects(
        rpcOf(run, reported).dispatch(CALLER, { method: 'kv.get', params: null }, signal),
        (error) => code('INTERNAL')(error) && !String(error).includes('password'),
      );
    assert.deepEqual(reported, [secret, secret]);
  });
});

/** Keeps what it hears. */
class Sink implements CapabilitySink {
  readonly chunks: Buffer[] = [];
  readonly refusals: CapabilityRefusal[] = [];
  heads = 0;
  ended = false;
  wants = true;
  readonly over = Promise.withResolvers<void>();

  head(): void {
    this.heads++;
  }

  data(chunk: Uint8Array): boolean {
    this.chunks.push(Buffer.from(chunk));
    return this.wants;
  }

  end(): void {
    this.ended = true;
    this.over.resolve();
  }

  fail(refusal: CapabilityRefusal): void {
    this.refusals.push(refusal);
    this.over.resolve();
  }

  get json(): unknown {
    return JSON.parse(Buffer.concat(this.chunks).toString('utf8'));
  }
}

describe('the rpc capability', () => {
  const start = (
    rpc: Rpc,
    {
      meta = { method: 'kv.get' },
      caller = CALLER,
      hasBody = true,
    }: { meta?: unknown; caller?: typeof CALLER; hasBody?: boolean } = {},
    capability = rpcCapability(rpc),
  ): { sink: Sink; exchange: CapabilityExchange } => {
    const sink = new Sink();
    return { sink, exchange: capability.start(caller, { kind: 'rpc', meta, hasBody }, sink) };
  };
  const send = (exchange: CapabilityExchange, body: string): void => {
    const bytes = Buffer.from(body);
    for (let i = 0; i < bytes.length; i += 7) exchange.write(bytes.subarray(i, i + 7), () => undefined);
    exchange.endBody();
  };

  test('params come in pieces, and the result goes out as JSON', async () => {
    const { sink, exchange } = start(rpcOf(async (_caller, params) => ({ got: params })));
    send(exchange, '{"a":["é",null]}');
    await sink.over.promise;
    assert.deepEqual([sink.heads, sink.ended, sink.json], [1, true, { got: { a: ['é', null] } }]);
  });

  test('undefined is null, and no body is null params', async () => {
    const { sink } = start(
      rpcOf(async (_caller, params) => assert.equal(params, null)),
      { hasBody: false },
    );
    await sink.over.promise;
    assert.equal(sink.json, null);
  });

  test('a chunk is kept as it was, though its memory is used again', async () => {
    const { sink, exchange } = start(rpcOf(async (_caller, params) => params));
    const memory = Buffer.from('{"a":1}');
    exchange.write(memory, () => undefined);
    memory.fill(0);
    exchange.endBody();
    await sink.over.promise;
    assert.deepEqual(sink.json, { a: 1 });
  });

  test('what is no call is refused, in a later turn', async () => {
    for (const meta of [null, 1, 'kv.get', [], {}, { method: 1 }, { method: 'x'.repeat(101) }, { method: null }]) {
      const { sink, exchange } = start(
        rpcOf(async () => assert.fail('it ran')),
        { meta },
      );
      assert.equal(sink.refusals.length, 0);
      exchange.write(Buffer.from('{}'), () => undefined);
      exchange.endBody();
      await sink.over.promise;
      assert.equal(sink.refusals[0]?.code, 'BAD_REQUEST', JSON.stringify(meta));
    }
    for (const body of ['{', 'undefined', "{'a':1}", '\xff']) {
      const { sink, exchange } = start(rpcOf(async () => assert.fail('it ran')));
      send(exchange, body);
      await sink.over.promise;
      assert.equal(sink.refusals[0]?.code, 'BAD_REQUEST', body);
    }
  });

  test('params have a bound, and what comes after it is dropped', async () => {
    const { sink, exchange } = start(rpcOf(async () => assert.fail('it ran')));
    const chunk = Buffer.alloc(256 * 1024, ' ');
    for (let i = 0; i < 20; i++) exchange.write(chunk, () => undefined);
    exchange.endBody();
    await sink.over.promise;
    assert.deepEqual(
      sink.refusals.map((refusal) => refusal.code),
      ['BAD_REQUEST'],
    );
  });

  test('a result has a bound', async () => {
    const { sink, exchange } = start(rpcOf(async () => 'x'.repeat(4 * 1024 * 1024)));
    send(exchange, '{}');
    await sink.over.promise;
    assert.deepEqual([sink.refusals[0]?.code, sink.chunks.length], ['BAD_REQUEST', 0]);
  });

  test('a result is given no faster than it is taken', async () => {
    const text = 'x'.repeat(1_000_000);
    const { sink, exchange } = start(rpcOf(async () => text));
    sink.wants = false;
    send(exchange, '{}');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(sink.chunks.length, 1);
    while (!sink.ended) exchange.resume();
    assert.equal(sink.json, text);
  });

  test('the end of the invocation reaches the service, and the guest hears nothing more', async () => {
    const heard = Promise.withResolvers<void>();
    const { sink, exchange } = start(
      rpcOf((_caller, _params, aborted) => {
        aborted.addEventListener('abort', () => heard.resolve());
        return heard.promise;
      }),
    );
    send(exchange, '{}');
    exchange.cancel();
    await heard.promise;
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([sink.heads, sink.ended, sink.refusals], [0, false, []]);
  });

  test('a service that does not answer is given up', async () => {
    const aborted = Promise.withResolvers<void>();
    const rpc = rpcOf((_caller, _params, over) => {
      over.addEventListener('abort', () => aborted.resolve());
      return new Promise(() => undefined);
    });
    const { sink, exchange } = start(rpc, {}, rpcCapability(rpc, { timeoutMs: 20 }));
    send(exchange, '{}');
    await Promise.all([sink.over.promise, aborted.promise]);
    assert.equal(sink.refusals[0]?.code, 'UNAVAILABLE');
  });

  test('so many of one invocation are under way at once, and no more until one has ended', async () => {
    const gates: (() => void)[] = [];
    const rpc = rpcOf(() => new Promise<void>((resolve) => gates.push(resolve)));
    const capability = rpcCapability(rpc);
    const begun = Array.from({ length: 33 }, () => start(rpc, { hasBody: false }, capability));
    await begun[32]!.sink.over.promise;
    assert.equal(begun[32]!.sink.refusals[0]?.code, 'THROTTLED');
    const other = start(rpc, { hasBody: false, caller: { ...CALLER, call: makeCall() } }, capability);
    // One that was cancelled is still at work.
    begun[0]!.exchange.cancel();
    const refused = start(rpc, { hasBody: false }, capability);
    await refused.sink.over.promise;
    assert.equal(refused.sink.refusals[0]?.code, 'THROTTLED');
    for (const open of gates.splice(0)) open();
    await Promise.all([...begun.slice(1), other].map(({ sink }) => sink.over.promise));
    const next = start(rpc, { hasBody: false }, capability);
    await new Promise((resolve) => setImmediate(resolve));
    for (const open of gates) open();
    await next.sink.over.promise;
    assert.deepEqual(next.sink.refusals, []);
  });
});
