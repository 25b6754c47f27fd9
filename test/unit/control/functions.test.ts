import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createControlParts, deploymentOf, F, OPERATOR, startControlServer } from './control-server.ts';

const HELLO = { name: 'hello', code: 'ok' };
const ACME = `${F}/hello?tenant=acme`;

test('a function is created, shown, listed, deployed and deleted, with or without a trailing slash', async (t) => {
  const { call } = await startControlServer(t);
  const created = await call('operator', 'POST', `${F}/`, HELLO);
  assert.deepEqual([created.status, created.headers.get('location')], [201, '/api/v1/functions/hello']);
  assert.equal(created.headers.get('etag'), `"${created.body.revision}"`);
  const body = {
    files: { 'src/index.ts': 'ok', 'a.bin': { base64: Buffer.from([0, 255]).toString('base64') } },
    entry: 'src/index.ts',
    handler: 'main',
    timeoutMs: 1000,
    env: { KEY: 'a-value' },
    requestBody: 'stream',
    verifyJwt: false,
    cors: { origins: ['https://app.example.com'] },
    egress: { allow: ['api.example.com'] },
  };
  const deployed = await call('operator', 'PUT', `${F}/hello/`, body);
  assert.equal(deployed.status, 200);
  const { added, live } = deployed.body;
  assert.deepEqual(added, live);
  assert.deepEqual(
    [added.number, added.handler, added.handlerKind, added.limits.timeoutMs, added.env, added.verifyJwt, added.egress],
    [2, 'main', 'module', 1000, ['KEY'], false, { allow: ['api.example.com'], refusal: 'throw' }],
  );
  assert.deepEqual([added.cors.origins, added.cors.maxAgeSeconds], [['https://app.example.com'], 600]);
  assert.ok(!JSON.stringify(deployed.body).includes('a-value'));
  const shown = await call('operator', 'GET', `${F}/hello`);
  assert.deepEqual({ ...shown.body, added }, deployed.body);
  assert.deepEqual(
    (await call('operator', 'GET', `${F}/`)).body.functions.map((f: { name: string }) => f.name),
    ['hello'],
  );
  assert.equal((await call('operator', 'DELETE', `${F}/hello/`)).status, 204);
  assert.equal((await call('operator', 'DELETE', `${F}/hello`)).body.code, 'NOT_FOUND');
});

test('what exists is not created again', async (t) => {
  const { call } = await startControlServer(t);
  await call('operator', 'POST', F, HELLO);
  assert.deepEqual((await call('operator', 'POST', F, HELLO)).body.code, 'CONFLICT');
});

test('the same Idempotency-Key creates once, and says the same again', async (t) => {
  const { call, functions } = await startControlServer(t);
  const key = { 'idempotency-key': 'key-1' };
  const first = await call('operator', 'POST', F, HELLO, key);
  const again = await call('operator', 'POST', `${F}/`, HELLO, key);
  assert.deepEqual([again.status, again.body], [201, first.body]);
  assert.deepEqual(
    ['etag', 'location', 'idempotency-replayed'].map((name) => again.headers.get(name)),
    [first.headers.get('etag'), '/api/v1/functions/hello', 'true'],
  );
  assert.equal(first.headers.get('idempotency-replayed'), null);
  assert.equal((await functions.versions('default', 'hello', null, 10)).items.length, 1);
  const other = await call('operator', 'POST', F, { ...HELLO, code: 'other' }, key);
  assert.deepEqual([other.status, other.body.code], [422, 'IDEMPOTENCY_MISMATCH']);
  assert.equal((await call('operator', 'POST', F, HELLO, { 'idempotency-key': 'a b' })).status, 400);
});

test('while the first request runs, the second with its key is a conflict', async (t) => {
  const server = await startControlServer(t);
  const gate = Promise.withResolvers<void>();
  server.gate = gate.promise;
  const key = { 'idempotency-key': 'key-1' };
  const first = server.call('operator', 'POST', F, HELLO, key);
  while (server.deployments.puts.length === 0) await new Promise(setImmediate);
  assert.equal((await server.call('operator', 'POST', F, HELLO, key)).status, 409);
  gate.resolve();
  assert.equal((await first).status, 201);
});

test('a request that failed gives its key back, but for one that left a version behind', async (t) => {
  const { call, functions } = await startControlServer(t);
  const key = { 'idempotency-key': 'key-1' };
  assert.equal((await call('operator', 'POST', F, { ...HELLO, code: 'bad' }, key)).status, 400);
  assert.equal((await call('operator', 'POST', F, HELLO, key)).status, 201);
  const broken = { name: 'broken', code: 'broken' };
  for (let i = 0; i < 2; i++) {
    const { status, body } = await call('operator', 'POST', F, broken, { 'idempotency-key': 'key-2' });
    assert.deepEqual([status, body.code], [422, 'HEALTH_CHECK_FAILED']);
  }
  assert.equal((await functions.versions('default', 'broken', null, 10)).items.length, 1);
});

test('a key is of one principal: another can neither learn nor take its answer', async (t) => {
  const { call } = await startControlServer(t);
  const key = { 'idempotency-key': 'key-1' };
  assert.equal((await call('acme', 'POST', F, HELLO, key)).status, 201);
  const other = await call('user', 'POST', F, HELLO, key);
  assert.deepEqual([other.status, other.headers.get('idempotency-replayed')], [409, null]);
});

test('a stale If-Match changes nothing', async (t) => {
  const { call } = await startControlServer(t);
  const { headers } = await call('operator', 'POST', F, HELLO);
  const etag = headers.get('etag')!;
  const changed = await call('operator', 'PATCH', `${F}/hello`, { active: false }, { 'if-match': etag });
  assert.deepEqual([changed.status, changed.body.active], [200, false]);
  assert.notEqual(changed.headers.get('etag'), etag);
  for (const [method, path, body] of [
    ['PATCH', `${F}/hello`, { active: true }],
    ['PUT', `${F}/hello`, { code: 'ok' }],
    ['POST', `${F}/hello/rollback`, {}],
    ['DELETE', `${F}/hello`, undefined],
  ] as const) {
    const stale = await call('operator', method, path, body, { 'if-match': etag });
    assert.deepEqual([stale.status, stale.body.code], [412, 'PRECONDITION_FAILED'], method);
  }
  const { body } = await call('operator', 'GET', `${F}/hello`);
  assert.deepEqual([body.active, body.live.number], [false, 1]);
  const fresh = { 'if-match': `"nope", ${changed.headers.get('etag')}` };
  assert.equal((await call('operator', 'PATCH', `${F}/hello`, { active: true }, fresh)).status, 200);
  assert.equal((await call('operator', 'PATCH', `${F}/hello`, { active: true }, { 'if-match': '*' })).status, 200);
});

test('a change without a version is in effect when it is answered', async (t) => {
  const { call, routes } = await startControlServer(t);
  await call('operator', 'POST', F, HELLO);
  const patch = { trigger: { kind: 'event', pattern: 'items:*' }, publicDomain: 'hello.example.com', active: false };
  const { body } = await call('operator', 'PATCH', `${F}/hello`, patch);
  assert.deepEqual(
    [body.trigger, body.publicDomain, body.publicDomainApproved, body.live.number],
    [patch.trigger, 'hello.example.com', true, 1],
  );
  assert.equal(routes.domain('hello.example.com')?.active, false);
  const refused: [unknown, RegExp][] = [
    [{ trigger: { kind: 'cron', pattern: 'x' } }, /^trigger\.pattern: expected five fields/],
    [{ publicDomain: 'admin.example.com' }, /is a host of this server's operator/],
    [{ actve: true }, /there is no field "actve"/],
  ];
  for (const [change, detail] of refused) {
    const { status, body: problem } = await call('operator', 'PATCH', `${F}/hello`, change);
    assert.equal(status, 400);
    assert.match(problem.detail, detail);
  }
});

test('functions are listed in pages, in the order of their names, and found by a part of them', async (t) => {
  const { call, deployer } = await startControlServer(t);
  for (const name of ['d', 'a', 'c', 'bb', 'ab']) await deployer.deploy(deploymentOf(name), OPERATOR);
  const names = async (query: string): Promise<[string[], string | null]> => {
    const { body } = await call('operator', 'GET', `${F}?tenant=acme&${query}`);
    return [body.functions.map((f: { name: string }) => f.name), body.next];
  };
  assert.deepEqual(await names('limit=2'), [['a', 'ab'], 'ab']);
  assert.deepEqual(await names('limit=2&after=ab'), [['bb', 'c'], 'c']);
  assert.deepEqual(await names('limit=2&after=c'), [['d'], null]);
  assert.deepEqual(await names('search=b'), [['ab', 'bb'], null]);
  assert.equal((await call('operator', 'GET', `${F}?limit=5000`)).status, 400);
});

test("another tenant's function is not there", async (t) => {
  const { call, deployer } = await startControlServer(t);
  await deployer.deploy(deploymentOf('hello', { tenant: 'rival' }), OPERATOR);
  for (const [method, path, body] of [
    ['GET', `${F}/hello`],
    ['GET', `${F}/hello?tenant=rival`],
    ['PUT', `${F}/hello`, { code: 'ok', tenant: 'rival' }],
    ['POST', F, { ...HELLO, tenant: 'rival' }],
    ['PATCH', `${F}/hello?tenant=rival`, { active: false }],
    ['DELETE', `${F}/hello?tenant=rival`],
    ['GET', `${F}/hello/versions?tenant=rival`],
    ['GET', `${F}/hello/versions/1?tenant=rival&sources=1`],
    ['GET', `${F}/hello/deployments?tenant=rival`],
    ['GET', `${F}/hello/logs?tenant=rival`],
    ['POST', `${F}/hello/invoke?tenant=rival`, {}],
    ['POST', `${F}/hello/rollback?tenant=rival`, {}],
    ['PUT', `${F}/hello/aliases/x?tenant=rival`, { version: 1 }],
    ['PUT', `${F}/hello/canary?tenant=rival`, { version: 1, weight: 0.5 }],
  ] as const) {
    const { status, body: problem } = await call('acme', method, path, body);
    assert.deepEqual([status, problem.code], [404, 'NOT_FOUND'], `${method} ${path}`);
  }
});

test('a user deploys and reads; the rest is for admins', async (t) => {
  const { call, deployer } = await startControlServer(t);
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  for (const path of ['hello', 'hello/versions', 'hello/versions/1?sources=1', 'hello/deployments', 'hello/logs'])
    assert.equal((await call('user', 'GET', `${F}/${path}`)).status, 200, path);
  const deployed = await call('user', 'PUT', `${F}/hello`, { code: 'other' });
  assert.deepEqual([deployed.status, deployed.body.live.number, deployed.body.added.number], [200, 1, 2]);
  for (const [method, path, body] of [
    ['PATCH', 'hello', { active: false }],
    ['DELETE', 'hello'],
    ['POST', 'hello/promote', { version: 2 }],
    ['POST', 'hello/rollback', {}],
    ['PUT', 'hello/aliases/x', { version: 2 }],
    ['DELETE', 'hello/aliases/x'],
    ['PUT', 'hello/canary', { version: 2, weight: 1 }],
    ['DELETE', 'hello/canary'],
  ] as const)
    assert.equal((await call('user', method, `${F}/${path}`, body)).body.code, 'FORBIDDEN', `${method} ${path}`);
});

test('what is wrong with a deployment is named: the field, what was expected, what came', async (t) => {
  const { call } = await startControlServer(t);
  const cases: [unknown, RegExp][] = [
    [{ code: 1 }, /^code: expected string, but it is 1$/],
    [{ code: 'x', timeoutMs: '5' }, /^timeoutMs: expected number, but it is "5"$/],
    [{ code: 'x', tier: 'paper' }, /^tier: expected "auto" or "wasm" or .+, but it is "paper"$/],
    [{ code: 'x', timeout: 5 }, /there is no field "timeout"/],
    [{ code: 'x', env: { A: 1 } }, /^env\.A: expected string, but it is 1$/],
    [{ code: 'x', env: { 'A-B': '1' } }, /^env: "A-B" is not a name/],
    [{ files: { 'a.ts': 5 } }, /^files\.a\.ts: expected the text of the file/],
    [{ files: { 'a.ts': { base64: 'AA=' } } }, /base64 of "a.ts" is not valid/],
    [{ files: {} }, /at least one file/],
    [{ files: { 'a.ts': '', 'b.ts': '' } }, /^entry: with more than one file/],
    [{ files: { 'a.ts': '' }, entry: 'c.ts' }, /^entry: "c.ts" is not among the files/],
    [{}, /either files or code/],
    [{ code: 'x', files: { a: '' } }, /either files or code/],
    [{ code: 'x', tenant: '../x' }, /is not a name of a tenant/],
    [{ code: 'x', runtime: 'ruby' }, /^runtime: expected "javascript" or "node" or .+, but it is "ruby"$/],
    [{ code: 'x', entry: 'a.ts', runtime: 'python' }, /^runtime: python starts from a file that ends with \.py/],
    [{ code: 'x', runtime: 'python', handlerKind: 'script' }, /^handlerKind: a script is JavaScript/],
    [{ code: 'x', limits: { minReplicas: 3, maxReplicas: 2 } }, /^limits\.minReplicas: it is 3, more than maxReplicas/],
    [{ code: 'x', limits: { maxReplicas: 0 } }, /^limits\.maxReplicas must be between 1 and 20/],
    [{ code: 'x', limits: { cpuShares: 2.5 } }, /^limits\.cpuShares: expected a whole number/],
  ];
  for (const [body, detail] of cases) {
    const { status, body: problem } = await call('operator', 'PUT', `${F}/hello`, body);
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(problem.detail, detail);
  }
  assert.match((await call('operator', 'PUT', `${F}/Hello`, { code: 'x' })).body.detail, /"Hello" is not a name/);
});

test('code in one piece is Python where its runtime says so, and is shown as such', async (t) => {
  const container = {
    name: 'container',
    probe: { works: true, detail: '' },
    runtimes: ['python'],
    concurrency: 1,
  } as const;
  const server = await startControlServer(t, createControlParts(undefined, { tiers: [container] }));
  const limits = { minReplicas: 1, maxReplicas: 2, cpuShares: 512 };
  const { status, body } = await server.call('operator', 'PUT', `${F}/hello`, {
    code: 'x',
    runtime: 'python3.9',
    limits,
  });
  assert.equal(status, 200, JSON.stringify(body));
  const { runtime, tier } = body.added;
  const { concurrency, minReplicas, maxReplicas, cpuShares } = body.added.limits;
  assert.deepEqual(
    [runtime, tier, concurrency, minReplicas, maxReplicas, cpuShares],
    ['python', 'container', 1, 1, 2, 512],
  );
  assert.deepEqual([...(await server.functions.sources('default', 'hello', 1)).keys()], ['main.py']);
});

test('no path of a file leaves the folder of the function', async (t) => {
  const { call, functions } = await startControlServer(t);
  const long = 'x'.repeat(500);
  for (const path of ['/etc/x', '../x', 'a/../../x', 'a//b', './a', 'a\\b', 'C:x', 'a\0b', '', 'a/', '..', long]) {
    const { status, body } = await call('operator', 'PUT', `${F}/hello`, { files: { [path]: 'ok' } });
    assert.deepEqual([status, body.code], [400, 'BAD_REQUEST'], JSON.stringify(path));
  }
  const poisoned = '{"files":{"__proto__":"x","a.ts":"ok"},"entry":"a.ts","env":{"__proto__":"x"}}';
  const { status } = await call('operator', 'PUT', `${F}/hello`, poisoned);
  if (status === 400) return;
  const stored = await functions.version('default', 'hello', 1);
  assert.deepEqual([Object.getPrototypeOf(stored!.env), stored!.env], [Object.prototype, {}]);
});

test('a fault of the build goes out with its issues, an error of ours without its text', async (t) => {
  const { call, reported } = await startControlServer(t);
  const compile = await call('operator', 'PUT', `${F}/hello`, { code: 'bad' });
  assert.deepEqual(
    [compile.status, compile.body.code, compile.body.issues],
    [400, 'COMPILE_FAILED', ['  1 | bad\n    | ^']],
  );
  const bug = await call('operator', 'PUT', `${F}/hello`, { code: 'bug' });
  assert.deepEqual([bug.status, bug.body.code], [500, 'INTERNAL']);
  assert.ok(!JSON.stringify(bug.body).includes('secret'));
  assert.match(String(reported.at(-1)), /a secret of the host/);
});

test('versions are listed and shown with what they were made of', async (t) => {
  const { call } = await startControlServer(t);
  const files = { 'a.ts': 'ok', 'b.bin': { base64: '//4=' } };
  await call('operator', 'PUT', `${F}/hello`, { files, entry: 'a.ts' });
  for (let i = 0; i < 3; i++) await call('operator', 'PUT', `${F}/hello`, { code: 'ok' });
  const page = await call('operator', 'GET', `${F}/hello/versions?limit=2`);
  assert.deepEqual([page.body.versions.map((v: { number: number }) => v.number), page.body.next], [[4, 3], '3']);
  const rest = await call('operator', 'GET', `${F}/hello/versions?before=${page.body.next}`);
  assert.deepEqual([rest.body.versions.map((v: { number: number }) => v.number), rest.body.next], [[2, 1], null]);
  const first = await call('operator', 'GET', `${F}/hello/versions/1?sources=1`);
  assert.deepEqual([first.body.number, first.body.files], [1, files]);
  assert.equal((await call('operator', 'GET', `${F}/hello/versions/1`)).body.files, undefined);
  assert.equal((await call('operator', 'GET', `${F}/hello/versions/9`)).status, 404);
  assert.equal((await call('operator', 'GET', `${F}/hello/versions/x`)).status, 400);
});

test('deployments are listed, also of what never came to be a function', async (t) => {
  const { call } = await startControlServer(t);
  await call('acme', 'PUT', `${F}/hello`, { code: 'bad' });
  const { body } = await call('acme', 'GET', `${F}/hello/deployments`);
  const [deployment] = body.deployments;
  assert.deepEqual([deployment.status, deployment.phase, deployment.version], ['failed', 'build', null]);
  assert.equal((await call('acme', 'GET', `${F}/nope/deployments`)).status, 404);
  assert.equal((await call('operator', 'GET', ACME.replace('?', '/deployments?'))).status, 200);
});
