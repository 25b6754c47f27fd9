import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { addScriptInvoke } from '../../../src/control/script-invoke.ts';
import { Fault } from '../../../src/core/faults.ts';
import type { FunctionRecord, VersionRecord } from '../../../src/core/function-record.ts';
import { OPERATOR } from '../../../src/core/principal.ts';
import type { InvocationOutcome, InvocationRequest } from '../../../src/core/whole-invocation.ts';
import { makeVersion } from '../../support/calls.ts';
import { startOperatorServer, type OperatorServer } from './operator-server.ts';

interface Setup extends OperatorServer {
  readonly requests: InvocationRequest[];
  /** What the next invocation answers. */
  answer(outcome: Partial<InvocationOutcome> | string): void;
}

const record = (tenant: string, name: string): FunctionRecord =>
  ({
    tenant,
    name,
    active: name !== 'unreviewed',
    live: name === 'dead' ? null : ({ number: 1 } as VersionRecord),
  }) as FunctionRecord;

async function setup(t: TestContext): Promise<Setup> {
  const requests: InvocationRequest[] = [];
  let next: Partial<InvocationOutcome> = {};
  const server = await startOperatorServer((app) =>
    addScriptInvoke(app, {
      functions: { find: (tenant, name) => Promise.resolve(name === 'nope' ? null : record(tenant, name)) },
      releases: { versionOf: (tenant, name) => Promise.resolve(makeVersion(name, { tenant, secrets: [] })) },
      isSuspended: (tenant) => tenant === 'suspended',
      invocations: {
        run(_version, request) {
          requests.push(request);
          const outcome = { id: 'i', response: null, fault: null, logs: [], durationMs: 1, ...next };
          return { id: 'i', outcome: Promise.resolve(outcome), cancel: () => undefined };
        },
      },
    }),
  );
  t.after(() => server.close());
  return {
    ...server,
    requests,
    answer(outcome) {
      next =
        typeof outcome === 'string' ? { response: { status: 200, headers: [], body: Buffer.from(outcome) } } : outcome;
    },
  };
}

const PATH = '/api/functions/sum/invoke';

test('an admin runs a function with JSON and gets what it returned', async (t) => {
  const { call, answer, requests } = await setup(t);
  answer('{"statusCode":200,"headers":{},"body":{"id":1}}');
  const { status, body } = await call('operator', 'POST', PATH, { a: 1 });
  assert.deepEqual([status, body], [200, { ok: true, result: { id: 1 }, logs: [] }]);
  const [{ body: data, ...request }] = requests as [InvocationRequest];
  assert.equal(String(data), '{"a":1}');
  assert.deepEqual(request, {
    principal: OPERATOR,
    cause: 'invoke',
    method: 'POST',
    url: 'http://localhost/fn/sum',
    headers: ['content-type', 'application/json'],
    reply: 'value',
    fresh: false,
  });
  answer('{"statusCode":200,"headers":{},"body":null}');
  assert.equal((await call('acme', 'POST', `${PATH}/`)).body.result, null);
  assert.equal(requests.at(-1)?.body, null);
  assert.equal(requests.at(-1)?.principal.id, 'acme-admin');
  answer('{"statusCode":201,"headers":{},"body":"x"}');
  assert.deepEqual((await call('operator', 'POST', PATH, '[1]')).body.result, {
    statusCode: 201,
    headers: {},
    body: 'x',
  });
  assert.equal(String(requests.at(-1)?.body), '[1]');
});

test('a function that fails answers 200 with its error and the lines so far', async (t) => {
  const { call, answer } = await setup(t);
  const logs = [{ level: 'info', message: 'so far', timeMs: 1 }] as const;
  answer({ fault: new Fault('TIMED_OUT', 'Execution timed out after 5s'), logs });
  const { status, body } = await call('operator', 'POST', PATH, {});
  assert.deepEqual([status, body], [200, { ok: false, error: 'Execution timed out after 5s', logs: ['so far'] }]);
  for (const hostile of ['', 'x', 'null', '5', '{"statusCode":{}'])
    await (async () => {
      answer(hostile);
      const answered = await call('operator', 'POST', PATH, {});
      assert.equal(answered.status, 200, hostile);
      if (hostile !== '5') assert.deepEqual(answered.body, { ok: false, error: 'The result is not JSON', logs: [] });
    })();
});

test('a fault that is not of the code keeps its status', async (t) => {
  const { call, answer } = await setup(t);
  answer({ fault: new Fault('OVERLOADED', 'There is no room') });
  assert.equal((await call('operator', 'POST', PATH, {})).status, 503);
  answer({ fault: new Fault('BODY_TOO_LARGE', 'The request body is too large') });
  assert.equal((await call('operator', 'POST', PATH, {})).status, 413);
});

test('it takes an admin, a reviewed function, a live version and JSON', async (t) => {
  const { call, answer, requests } = await setup(t);
  answer('{}');
  for (const as of ['user', 'service', 'jwt']) assert.equal((await call(as, 'POST', PATH, {})).status, 403, as);
  assert.equal((await call('', 'POST', PATH, {})).status, 401);
  assert.equal((await call('operator', 'POST', '/api/functions/unreviewed/invoke', {})).status, 409);
  assert.equal((await call('operator', 'POST', '/api/functions/dead/invoke', {})).status, 409);
  assert.equal((await call('operator', 'POST', '/api/functions/nope/invoke', {})).status, 404);
  assert.equal((await call('acme', 'POST', `${PATH}?tenant=other`, {})).status, 404);
  assert.equal((await call('operator', 'POST', `${PATH}?tenant=suspended`, {})).status, 403);
  assert.equal((await call('operator', 'POST', PATH, '{"a":')).status, 400);
  assert.equal(requests.length, 0);
});
