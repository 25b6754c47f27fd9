import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATOR } from '../../../src/core/principal.ts';
import { CODE, created, HELLO, SERVICES, startServices, type ServiceServer } from './service-server.ts';

test('a service is created: its record, and the deployment that it started', async (t) => {
  const server = await startServices(t);
  const release = server.hold();
  const { status, body } = await server.call('operator', 'POST', `${SERVICES}/`, HELLO);
  assert.equal(status, 201);
  assert.match(body.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const { id, deployment, created_at, updated_at, ...rest } = body;
  assert.deepEqual(rest, {
    name: 'hello',
    deploy_type: 'FUNCTION',
    function_name: 'hello',
    function_runtime: 'node18',
    function_handler: 'handler',
    function_code: CODE,
    public_domain: 'hello.example.com',
    public_domain_status: 'active',
    memory_mb: 128,
    cpu_shares: null,
    min_replicas: 0,
    max_replicas: 10,
    env_vars: [],
    active: true,
    live_version: null,
  });
  assert.equal(created_at, updated_at);
  assert.deepEqual([deployment.status, deployment.phase, deployment.error], ['running', 'build', null]);
  release();
  const ended = await server.ended('operator', id);
  assert.deepEqual(
    [ended.id, ended.status, ended.phase, ended.error, ended.version],
    [deployment.id, 'succeeded', 'health-check', null, 1],
  );
  assert.match(ended.log, /Building 1 file from index.js\nnode18: .*\nKept as version 1\nLoading version 1/);
  const [{ deployment: sent, by }] = server.deployed as [ServiceServer['deployed'][0]];
  assert.deepEqual(
    [sent.id, sent.name, sent.tier, sent.handlerName, by],
    [deployment.id, 'hello', 'isolate', 'handler', OPERATOR],
  );
  assert.equal(server.routes.domain('hello.example.com')?.name, 'hello');
  const shown = (await server.call('operator', 'GET', `${SERVICES}/${id}/`)).body;
  assert.deepEqual([shown.live_version, shown.function_code, shown.deployment], [1, CODE, null]);
});

test('new code is a new version; what no version holds changes without one', async (t) => {
  const server = await startServices(t);
  const id = await created(server);
  const v2 = 'module.exports.handler = async () => ({ statusCode: 200, body: "v2" });';
  const patched = await server.call('operator', 'PATCH', `${SERVICES}/${id}/`, { function_code: v2 });
  assert.deepEqual([patched.status, patched.body.deployment.status], [200, 'running']);
  assert.equal((await server.ended('operator', id)).version, 2);
  assert.equal((await server.call('operator', 'GET', `${SERVICES}/${id}`)).body.function_code, v2);

  const moved = await server.call('operator', 'PATCH', `${SERVICES}/${id}/`, { public_domain: 'new.example.com' });
  assert.deepEqual([moved.body.deployment, moved.body.public_domain], [null, 'new.example.com']);

  const larger = await server.call('operator', 'PATCH', `${SERVICES}/${id}/`, { memory_mb: 256 });
  assert.equal(larger.body.deployment.status, 'running');
  assert.equal((await server.ended('operator', id)).version, 3);
  const { deployment } = server.deployed.at(-1)!;
  assert.deepEqual([deployment.memoryMb, String(deployment.files.get('index.js'))], [256, v2]);

  const again = await server.call('operator', 'POST', `${SERVICES}/${id}/redeploy/`);
  assert.deepEqual([again.status, again.body.status], [202, 'running']);
  assert.equal((await server.ended('operator', id)).version, 4);
  const all = (await server.call('operator', 'GET', `${SERVICES}/${id}/deployments/`)).body.results;
  assert.deepEqual(
    all.map(({ version }: { version: number }) => version),
    [4, 3, 2, 1],
  );
});

test('replicas and shares of the CPU are part of the version that is deployed', async (t) => {
  const server = await startServices(t);
  const id = await created(server, 'operator', { max_replicas: 0 });
  const limitsOf = async (): Promise<unknown> => {
    const { minReplicas, maxReplicas, cpuShares } = (await server.functions.find('default', 'hello'))!.live!.limits;
    return [minReplicas, maxReplicas, cpuShares];
  };
  assert.deepEqual(await limitsOf(), [0, 1, undefined]);
  const change = { min_replicas: 2, max_replicas: 4, cpu_shares: 512 };
  const scaled = await server.call('operator', 'PATCH', `${SERVICES}/${id}/`, change);
  assert.equal(scaled.body.deployment.status, 'running');
  assert.equal((await server.ended('operator', id)).version, 2);
  assert.deepEqual(await limitsOf(), [2, 4, 512]);
});

test('a runtime of another version is said in the log of the deployment', async (t) => {
  const server = await startServices(t);
  const id = await created(server);
  assert.match((await server.ended('operator', id)).log, /^node18: this machine runs it on Node \d+\./m);
});

test('code that needs modules of Node goes to a tier that has them, and the record says which', async (t) => {
  const server = await startServices(t);
  const id = await created(server, 'operator', { function_code: 'needs node:net' });
  assert.match((await server.ended('operator', id)).log, /^tier worker, because isolate has no node:net$/m);
  assert.equal((await server.functions.find('default', 'hello'))!.live!.tier, 'worker');
});

test('Python goes to the tier that has it', async (t) => {
  const server = await startServices(t, {
    tiers: [{ name: 'container', probe: { works: true, detail: '' }, runtimes: ['python'] }],
  });
  const code = 'def handler(event, context):\n    return {"statusCode": 200, "body": "hi"}\n';
  await created(server, 'operator', { function_runtime: 'python3.9', function_code: code });
  const { tier, runtime } = (await server.functions.find('default', 'hello'))!.live!;
  assert.deepEqual([tier, runtime], ['container', 'python']);
  assert.deepEqual([...server.deployed[0]!.deployment.files.keys()], ['main.py']);
});

test('a deployment that fails says where and why, and the service stays', async (t) => {
  const server = await startServices(t);
  const { body } = await server.call('operator', 'POST', SERVICES, { ...HELLO, function_code: 'bad' });
  const ended = await server.ended('operator', body.id);
  assert.deepEqual([ended.status, ended.phase, ended.error], ['failed', 'build', 'index.js:1:1: no']);
  assert.match(ended.log, /1 \| bad/);
  assert.equal((await server.call('operator', 'POST', `${SERVICES}/${body.id}/redeploy/`)).status, 409);

  await server.call('operator', 'PATCH', `${SERVICES}/${body.id}`, { function_code: 'broken' });
  const unhealthy = await server.ended('operator', body.id);
  assert.deepEqual(
    [unhealthy.status, unhealthy.phase, unhealthy.error],
    [
      'failed',
      'health-check',
      'Version 1 of hello does not load, and is live all the same, since there is no other: it threw',
    ],
  );
  assert.equal(server.routes.domain('hello.example.com')?.live?.number, 1, 'its error is to be seen at its domain');

  await server.call('operator', 'PATCH', `${SERVICES}/${body.id}`, { function_code: 'bug' });
  const bug = await server.ended('operator', body.id);
  assert.ok(!JSON.stringify(bug).includes('secret of the host'));
  assert.match(String(server.reported[0]), /secret of the host/);
});

test('what can not be deployed is refused before anything is kept', async (t) => {
  const { call, deployed } = await startServices(t);
  const cases: [object, number, RegExp][] = [
    [{ deploy_type: 'DOCKER' }, 400, /^deploy_type: expected "FUNCTION", but it is "DOCKER"/],
    [{ function_runtime: 'python3.9' }, 422, /python3\.9 needs the tier container, which is not here: this version/],
    [{ function_runtime: 'perl5' }, 400, /there is no "perl5", only node18/],
    [{ function_runtime: 'constructor' }, 400, /there is no "constructor"/],
    [{ function_code: 'x'.repeat(256 * 1024 + 1) }, 400, /^Function code exceeds 256 KB$/],
    [{ function_name: '../x' }, 400, /not a name of a function/],
    [{ name: 'Hello World' }, 400, /not a name of a function/],
    [{ name: '' }, 400, /^name: expected 1 to 100/],
    [{ memory_mb: 8 }, 400, /^memory_mb must be between 16 and 1024 MB, but it is 8/],
    [{ memory_mb: 4096 }, 400, /^memory_mb must be between/],
    [{ cpu_shares: 1 }, 400, /^cpu_shares/],
    [{ min_replicas: 21 }, 400, /^min_replicas/],
    [{ min_replicas: 3, max_replicas: 2 }, 400, /^min_replicas must be at most max_replicas/],
    [{ public_domain: 'admin.example.com' }, 400, /host of this server's operator/],
    [{ public_domain: 'other-tenant.fn.example.com' }, 400, /host of this server's operator/],
    [{ public_domain: 'localhost' }, 400, /expected a host name/],
    [{ public_domain: '127.0.0.1' }, 400, /expected a host name/],
    [{ public_domain: 'a b.com' }, 400, /expected a host name/],
    [{ public_domain: 'x.com:80' }, 400, /expected a host name/],
    [{ env_vars: [{ key: 'A' }] }, 400, /^env_vars\.0\.value/],
    [{ replicas: 3 }, 400, /there is no field "replicas"/],
  ];
  for (const [more, status, detail] of cases) {
    const answer = await call('operator', 'POST', `${SERVICES}/`, { ...HELLO, ...more });
    assert.equal(answer.status, status, JSON.stringify([more, answer.body]).slice(0, 300));
    assert.match(answer.body.detail, detail);
  }
  assert.deepEqual((await call('operator', 'GET', `${SERVICES}/`)).body, { results: [], next: null });
  assert.equal(deployed.length, 0);
});

test('a name, a function and a domain belong to one', async (t) => {
  const server = await startServices(t);
  await created(server);
  const conflict = async (more: object): Promise<string> => {
    const { status, body } = await server.call('operator', 'POST', SERVICES, { ...HELLO, ...more });
    assert.equal(status, 409);
    return body.detail;
  };
  assert.match(await conflict({ public_domain: null }), /function hello already/);
  assert.match(await conflict({ public_domain: null, function_name: 'b' }), /service hello already/);
  assert.match(await conflict({ name: 'b', public_domain: 'HELLO.example.com.' }), /hello\.example\.com is in use/);
  const other = await created(server, 'operator', { name: 'other', public_domain: null });
  const taken = await server.call('operator', 'PATCH', `${SERVICES}/${other}`, { public_domain: 'hello.example.com' });
  assert.equal(taken.status, 409);
});

test("a tenant's domain waits for the operator's approval", async (t) => {
  const server = await startServices(t);
  const id = await created(server, 'acme');
  const status = async (): Promise<string> =>
    (await server.call('acme', 'GET', `${SERVICES}/${id}`)).body.public_domain_status;
  assert.equal(await status(), 'pending');
  assert.equal((await server.functions.find('acme', 'hello'))?.publicDomainApproved, false);
  const approve = { public_domain_approved: true };
  assert.equal((await server.call('acme', 'PATCH', `${SERVICES}/${id}`, approve)).status, 403);
  assert.equal((await server.call('operator', 'PATCH', `${SERVICES}/${id}?tenant=acme`, approve)).status, 200);
  assert.equal(await status(), 'active');
  await server.call('acme', 'PATCH', `${SERVICES}/${id}`, { public_domain: 'new.example.com' });
  assert.equal(await status(), 'pending', 'an approval is for one domain');
});

test('env_vars are set as a whole; a secret never comes back and its mask keeps it', async (t) => {
  const server = await startServices(t);
  const id = await created(server, 'acme', {
    env_vars: [
      { key: 'MODE', value: 'fast' },
      { key: 'KEY', value: 'hunter2', is_secret: true },
    ],
  });
  const shown = (await server.call('acme', 'GET', `${SERVICES}/${id}`)).body;
  assert.ok(!JSON.stringify(shown).includes('hunter2'));
  const secret = shown.env_vars.find(({ key }: { key: string }) => key === 'KEY');
  assert.deepEqual([secret.is_secret, secret.value], [true, '••••']);
  const env_vars = [secret, { key: 'NEW', value: '1' }];
  const patched = await server.call('acme', 'PATCH', `${SERVICES}/${id}`, { env_vars });
  assert.deepEqual(
    patched.body.env_vars.map(({ key }: { key: string }) => key),
    ['KEY', 'NEW'],
  );
  assert.equal(server.variables.get('acme/hello/KEY')?.value, 'hunter2');
  assert.equal(patched.body.deployment, null);
});

test('a deleted service leaves nothing, also while it is being deployed', async (t) => {
  const server = await startServices(t);
  const release = server.hold();
  const secret = { key: 'KEY', value: 'hunter2', is_secret: true };
  const { body } = await server.call('operator', 'POST', SERVICES, { ...HELLO, env_vars: [secret] });
  const deleting = server.call('operator', 'DELETE', `${SERVICES}/${body.id}/`);
  release();
  assert.equal((await deleting).status, 204);
  assert.equal(await server.functions.count('default'), 0);
  assert.equal(server.variables.size, 0);
  assert.equal((await server.call('operator', 'GET', `${SERVICES}/${body.id}/`)).status, 404);
  assert.deepEqual(
    server.audited.map(({ action }) => action),
    ['service.create', 'function.deploy', 'function.delete', 'service.delete'],
  );
});

test("another tenant's service is not there", async (t) => {
  const server = await startServices(t);
  const id = await created(server);
  for (const [method, path] of [
    ['GET', ''],
    ['PATCH', ''],
    ['DELETE', ''],
    ['GET', '/deployments'],
    ['POST', '/redeploy'],
    ['POST', '/invoke'],
  ] as const) {
    const body = method === 'PATCH' || path === '/invoke' ? {} : undefined;
    for (const other of [id, 'no-uuid', '00000000-0000-4000-8000-000000000000'])
      assert.equal((await server.call('acme', method, `${SERVICES}/${other}${path}/`, body)).status, 404);
    assert.equal((await server.call('acme', method, `${SERVICES}/${id}${path}/?tenant=default`, body)).status, 404);
  }
  assert.equal(server.invoked.length, 0);
});

test('a user deploys what an admin has to review, and changes nothing around the review', async (t) => {
  const server = await startServices(t);
  const id = await created(server, 'user', { env_vars: [{ key: 'A', value: '1' }] });
  const path = `${SERVICES}/${id}`;
  assert.equal((await server.call('user', 'GET', path)).body.active, false);
  assert.equal((await server.call('user', 'POST', `${path}/invoke`, {})).status, 409);
  assert.equal((await server.call('user', 'PATCH', path, { env_vars: [] })).status, 200);
  await server.functions.change('acme', 'hello', { active: true }, null);
  assert.equal((await server.call('user', 'PATCH', path, { env_vars: [] })).status, 403);
  assert.equal((await server.call('user', 'PATCH', path, { public_domain: null })).status, 403);
  assert.equal((await server.call('user', 'DELETE', path)).status, 403);
  assert.equal((await server.call('service', 'GET', path)).status, 403);
  server.outcomes.push({ response: { status: 200, headers: [], body: Buffer.from('ok') } });
  assert.equal((await server.call('service', 'POST', `${path}/invoke/`, {})).body.success, true);
});

test('what nobody reviewed does not go live by an admin who changes something else', async (t) => {
  const server = await startServices(t);
  const id = await created(server, 'acme');
  await server.call('user', 'PATCH', `${SERVICES}/${id}`, { function_code: 'sneaky' });
  assert.equal((await server.ended('acme', id)).status, 'succeeded');
  const shown = (await server.call('acme', 'GET', `${SERVICES}/${id}`)).body;
  assert.deepEqual([shown.live_version, shown.function_code], [1, 'sneaky']);
  assert.equal((await server.call('user', 'POST', `${SERVICES}/${id}/invoke`, {})).status, 409);
  assert.equal((await server.call('acme', 'POST', `${SERVICES}/${id}/invoke`, {})).status, 200);
  assert.equal(server.invoked[0]?.version.number, 2, 'an admin tries it out first');
  await server.call('acme', 'PATCH', `${SERVICES}/${id}`, { memory_mb: 256 });
  assert.equal((await server.ended('acme', id)).version, 3);
  await server.call('acme', 'POST', `${SERVICES}/${id}/redeploy`);
  assert.equal((await server.ended('acme', id)).version, 4);
  const live = server.routes.find('acme', 'hello')?.live;
  assert.deepEqual([live?.number, live?.limits.memoryMb, String(live?.artifact.code)], [4, 256, CODE]);
});

test('a deployment that is refused before its build has ended too', async (t) => {
  const server = await startServices(t, { maxFunctions: 1 });
  await created(server);
  const { body } = await server.call('operator', 'POST', SERVICES, { ...HELLO, name: 'b', public_domain: null });
  const ended = await server.ended('operator', body.id);
  assert.deepEqual([ended.id, ended.status, ended.phase], [body.deployment.id, 'failed', 'build']);
  assert.match(ended.error, /may have 1 functions/);
});

test('nothing of a suspended tenant is made, changed or run', async (t) => {
  const server = await startServices(t);
  const id = await created(server, 'acme');
  server.suspend();
  for (const [method, path, body] of [
    ['POST', `${SERVICES}/`, { ...HELLO, name: 'b' }],
    ['PATCH', `${SERVICES}/${id}`, { function_code: 'x' }],
    ['POST', `${SERVICES}/${id}/redeploy`, undefined],
    ['POST', `${SERVICES}/${id}/invoke`, {}],
  ] as const)
    assert.equal((await server.call('acme', method, path, body)).body.code, 'TENANT_SUSPENDED', path);
  assert.deepEqual([server.invoked.length, server.deployed.length], [0, 1]);
});

test('services are listed page by page', async (t) => {
  const server = await startServices(t);
  for (const name of ['b', 'a', 'c']) await created(server, 'acme', { name, public_domain: null });
  const first = (await server.call('acme', 'GET', `${SERVICES}/?limit=2`)).body;
  const names = (page: { results: { name: string }[] }): string[] => page.results.map(({ name }) => name);
  assert.deepEqual([names(first), first.next], [['a', 'b'], 'b']);
  const rest = (await server.call('acme', 'GET', `${SERVICES}/?limit=2&after=${first.next}`)).body;
  assert.deepEqual([names(rest), rest.next], [['c'], null]);
  assert.deepEqual(names((await server.call('operator', 'GET', SERVICES)).body), []);
});
