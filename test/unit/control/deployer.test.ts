import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/core/faults.ts';
import { DEFAULT_EGRESS } from '../../../src/core/egress.ts';
import { OPERATOR } from '../../../src/core/principal.ts';
import { ADMIN, createControlParts, deploymentOf, NO_ENVIRONMENT, USER } from './control-server.ts';

test('a deployment is built, kept, live and written down', async () => {
  const { deployer, routes, functions, deployments, audited } = createControlParts();
  const lines: string[] = [];
  const record = await deployer.deploy(deploymentOf('hello', { id: 'an-id' }), OPERATOR, (phase, line) =>
    lines.push(`${phase}: ${line}`),
  );
  assert.deepEqual([record.name, record.live?.number, record.added.number, record.active], ['hello', 1, 1, true]);
  assert.equal(routes.find('acme', 'hello')?.live?.key, 'acme/hello@1');
  assert.equal((await functions.version('acme', 'hello', 1))?.createdBy, 'operator');
  const states = deployments.puts.map(({ id, status, phase, version }) => [id, status, phase, version]);
  assert.deepEqual(states, [
    ['an-id', 'running', 'build', null],
    ['an-id', 'succeeded', 'health-check', 1],
  ]);
  assert.deepEqual(lines, [
    'build: Building 1 file from index.ts',
    'deploy: Kept as version 1',
    'health-check: Loading version 1',
  ]);
  assert.deepEqual(
    audited.map(({ actor, action, target, outcome }) => [actor, action, target, outcome]),
    [['operator', 'function.deploy', 'hello', 'ok']],
  );
});

test('a deploy never shows a moment without a version', async () => {
  const parts = createControlParts();
  const { deployer, routes } = parts;
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  const seen = new Set<number | undefined>();
  let stop = false;
  const watching = (async () => {
    while (!stop) {
      seen.add(routes.find('acme', 'hello')?.live?.number);
      await new Promise(setImmediate);
    }
  })();
  for (let i = 0; i < 20; i++) {
    await deployer.deploy(deploymentOf('hello'), OPERATOR);
    await new Promise(setImmediate);
  }
  stop = true;
  await watching;
  assert.ok(!seen.has(undefined));
  assert.ok(seen.size > 5);
  assert.equal(routes.find('acme', 'hello')!.live!.number, 21);
});

test('a new version is loaded once before it takes the place of the old one', async () => {
  const parts = createControlParts();
  const { deployer, routes, probed } = parts;
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  parts.probe = () => {
    assert.equal(routes.find('acme', 'hello')!.live!.number, 1);
    return Promise.resolve(null);
  };
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  assert.equal(routes.find('acme', 'hello')!.live, probed[1], 'and its warm sandbox serves');
});

test('a version that does not load is kept, and the old one stays live', async () => {
  const { deployer, routes, functions, deployments } = createControlParts();
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  await assert.rejects(
    deployer.deploy(deploymentOf('hello', { trigger: { kind: 'cron', pattern: '* * * * *' } }, 'broken'), OPERATOR),
    { code: 'HEALTH_CHECK_FAILED', message: 'Version 2 of hello does not load, so that version 1 stays live: boom' },
  );
  assert.equal(routes.find('acme', 'hello')!.live!.number, 1);
  assert.equal((await functions.find('acme', 'hello'))!.trigger.kind, 'http');
  assert.equal((await functions.version('acme', 'hello', 2))?.number, 2);
  const [last] = await deployments.list('acme', 'hello', 1);
  assert.deepEqual([last!.status, last!.phase, last!.version], ['failed', 'health-check', 2]);
  assert.match(last!.log, /at index\.ts:1/);
});

test('the first version goes live although it does not load, so that its error is seen at its address', async () => {
  const { deployer, routes } = createControlParts();
  await assert.rejects(deployer.deploy(deploymentOf('hello', {}, 'broken'), OPERATOR), {
    code: 'HEALTH_CHECK_FAILED',
    message: /live all the same/,
  });
  assert.equal(routes.find('acme', 'hello')!.live!.number, 1);
});

test('having no room to load a version does not fail its deployment', async () => {
  const parts = createControlParts();
  parts.probe = () => Promise.resolve(new Fault('OVERLOADED', 'no room'));
  await parts.deployer.deploy(deploymentOf('hello'), OPERATOR);
  await parts.deployer.deploy(deploymentOf('hello'), OPERATOR);
  assert.equal(parts.routes.find('acme', 'hello')!.live!.number, 2);
  assert.match(parts.deployments.puts.at(-1)!.log, /could not be checked: no room/);
});

test('what can not be built leaves nothing but the record of it', async () => {
  const { deployer, functions, deployments, audited } = createControlParts();
  await assert.rejects(deployer.deploy(deploymentOf('hello', {}, 'bad'), OPERATOR), { code: 'COMPILE_FAILED' });
  assert.equal(await functions.find('acme', 'hello'), null);
  const [record] = await deployments.list('acme', 'hello', 1);
  assert.deepEqual([record!.status, record!.phase, record!.error], ['failed', 'build', 'index.ts:1:1: no']);
  assert.match(record!.log, /1 \| bad/);
  assert.equal(audited[0]!.outcome, 'failed');
});

test('an error of ours does not tell what it was', async () => {
  const { deployer, deployments } = createControlParts();
  await assert.rejects(deployer.deploy(deploymentOf('hello', {}, 'bug'), OPERATOR), /a secret of the host/);
  assert.ok(!JSON.stringify(deployments.puts).includes('secret of the host'));
});

test('what a user deploys waits for an admin', async () => {
  const { deployer, routes, probed, changes } = createControlParts();
  const record = await deployer.deploy(deploymentOf('hello'), USER);
  assert.deepEqual([record.active, record.live?.number, record.added.reviewed], [false, 1, false]);
  assert.deepEqual(probed, [], 'not even loaded');
  const second = await deployer.deploy(deploymentOf('hello', { alias: 'next' }), USER);
  assert.deepEqual([second.live?.number, second.aliases], [2, { next: 2 }], 'inactive all the same');
  await changes.update({ tenant: 'acme', name: 'hello', by: ADMIN, revision: second.revision }, { active: true });
  assert.equal(routes.find('acme', 'hello')!.active, true);

  const third = await deployer.deploy(deploymentOf('hello'), USER);
  assert.deepEqual(
    [third.live?.number, third.added.number],
    [2, 3],
    'a new version of an active function is only kept',
  );
  assert.equal(routes.find('acme', 'hello')!.live!.number, 2);
  await changes.promote({ tenant: 'acme', name: 'hello', by: ADMIN, revision: null }, 3);
  assert.equal(routes.find('acme', 'hello')!.live!.number, 3);
  assert.deepEqual(probed, []);
});

test('a user can not set what would take effect without a review', async () => {
  const { deployer, changes, functions } = createControlParts();
  const refused = (changed: Parameters<typeof deploymentOf>[1]): Promise<void> =>
    assert.rejects(deployer.deploy(deploymentOf('hello', changed), USER), { code: 'FORBIDDEN' });
  await refused({ active: true });
  await refused({ cordon: 'shared' });
  await deployer.deploy(deploymentOf('hello', { trigger: { kind: 'event', pattern: 'a:*' } }), USER);
  await refused({ active: true });
  await changes.update({ tenant: 'acme', name: 'hello', by: ADMIN, revision: null }, { active: true });
  await refused({ alias: 'next' });
  await refused({ active: false });
  await refused({ trigger: { kind: 'cron', pattern: '* * * * *' } });
  await refused({ publicDomain: 'hello.example.com' });
  await deployer.deploy(deploymentOf('hello', { active: true, trigger: { kind: 'event', pattern: 'a:*' } }), USER);
  assert.equal(
    (await functions.versions('acme', 'hello', null, 10)).items.length,
    2,
    'what stays as it is, is no change',
  );
});

test('a version that a user deploys at the moment of the activation is not live', async () => {
  const { deployer, routes, functions, changes } = createControlParts();
  await deployer.deploy(deploymentOf('hello'), USER);
  const gate = Promise.withResolvers<void>();
  functions.gates.set('change', gate.promise);
  const deploying = deployer.deploy(deploymentOf('hello'), USER);
  while (functions.gates.has('change')) await new Promise(setImmediate);
  await changes.update({ tenant: 'acme', name: 'hello', by: ADMIN, revision: null }, { active: true });
  gate.resolve();
  assert.equal((await deploying).added.number, 2);
  assert.equal(routes.find('acme', 'hello')!.live!.number, 1);
});

test('a tenant admin gives a domain, and the operator approves it', async () => {
  const { deployer, routes, changes } = createControlParts();
  const publicDomain = 'Hello.Example.com.';
  const record = await deployer.deploy(deploymentOf('hello', { publicDomain }), ADMIN);
  assert.deepEqual([record.publicDomain, record.publicDomainApproved], ['hello.example.com', false]);
  assert.equal(routes.domain('hello.example.com'), undefined);
  const at = { tenant: 'acme', name: 'hello', revision: null };
  await assert.rejects(changes.update({ ...at, by: ADMIN }, { publicDomainApproved: true }), { code: 'FORBIDDEN' });
  await changes.update({ ...at, by: OPERATOR }, { publicDomainApproved: true });
  assert.equal(routes.domain('hello.example.com')?.name, 'hello');
  await deployer.deploy(deploymentOf('hello', { publicDomain }), ADMIN);
  assert.equal(routes.domain('hello.example.com')?.live?.number, 2, 'saying the same again takes no approval away');
  await assert.rejects(deployer.deploy(deploymentOf('other', { publicDomain }), OPERATOR), { code: 'CONFLICT' });
  for (const bad of ['admin.example.com', 'ADMIN.example.com.', 'localhost', '127.0.0.1', 'a b.com', 'x.com:80', ''])
    await assert.rejects(deployer.deploy(deploymentOf('bad', { publicDomain: bad }), OPERATOR), {
      code: 'BAD_REQUEST',
    });
});

test('a version can be kept without being live, and looked at under an alias', async () => {
  const { deployer, routes, releases } = createControlParts();
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  const record = await deployer.deploy(deploymentOf('hello', { live: false, alias: 'next' }), OPERATOR);
  assert.deepEqual([record.live?.number, record.added.number, record.aliases], [1, 2, { next: 2 }]);
  assert.equal(routes.find('acme', 'hello')!.aliases.get('next'), await releases.versionOf('acme', 'hello', 2));
  for (const alias of ['2', 'Next', '', '../x'])
    await assert.rejects(deployer.deploy(deploymentOf('hello', { alias }), OPERATOR), { code: 'BAD_REQUEST' });
});

test('a tenant has no more functions than its quota, also when many are deployed at once', async () => {
  const parts = createControlParts();
  parts.maxFunctions = 3;
  const names = Array.from({ length: 10 }, (_, i) => `f${i}`);
  const results = await Promise.allSettled(names.map((name) => parts.deployer.deploy(deploymentOf(name), OPERATOR)));
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 3);
  const refusal = results.find((result) => result.status === 'rejected')!.reason as Fault;
  assert.equal(refusal.code, 'QUOTA_EXCEEDED');
  await parts.deployer.deploy(deploymentOf((await parts.functions.list(ALL)).items[0]!.name), OPERATOR);
});

const ALL = { tenant: 'acme', after: null, limit: 10 };

test('nothing is deployed while the tenant is suspended', async () => {
  const { deployer, suspended } = createControlParts();
  suspended.add('acme');
  await assert.rejects(deployer.deploy(deploymentOf('hello'), OPERATOR), { code: 'TENANT_SUSPENDED' });
});

test('a function with secrets is not put into the shared cordon', async () => {
  const { deployer, environments } = createControlParts();
  environments.set('acme', { ...NO_ENVIRONMENT, secrets: ['s3cret'] });
  await assert.rejects(deployer.deploy(deploymentOf('hello', { cordon: 'shared' }), OPERATOR), {
    code: 'BAD_REQUEST',
    message: /secrets can't be in the shared cordon/,
  });
  await assert.rejects(deployer.deploy(deploymentOf('hello', { cordon: 'shared' }), ADMIN), { code: 'FORBIDDEN' });
});

test('what is left out gets the defaults', async () => {
  const { deployer } = createControlParts();
  const { added } = await deployer.deploy(deploymentOf('hello'), OPERATOR);
  assert.deepEqual([added.limits.timeoutMs, added.limits.memoryMb, added.limits.concurrency], [30_000, 128, 64]);
  assert.deepEqual([added.verifyJwt, added.cors, added.egress, added.grant], [true, null, DEFAULT_EGRESS, null]);
  const script = await deployer.deploy(deploymentOf('script', { handlerKind: 'script' }), OPERATOR);
  assert.deepEqual([script.added.limits.timeoutMs, script.added.limits.memoryMb], [5_000, 64]);
});

test('what is out of bounds is refused before anything is built', async () => {
  const parts = createControlParts();
  parts.gate = new Promise(() => undefined);
  const cors = { origins: ['*'], methods: ['GET'], headers: [], credentials: false, maxAgeSeconds: 600 };
  const cases: [Parameters<typeof deploymentOf>[1], RegExp][] = [
    [{ timeoutMs: 1 }, /timeoutMs must be between 100 and 300000/],
    [{ memoryMb: 100_000 }, /memoryMb must be between/],
    [{ limits: { cpuMs: 5 } }, /limits\.cpuMs must be between 10 and 30000 ms, but it is 5/],
    [{ limits: { subrequests: 1.5 } }, /limits\.subrequests must be a whole number of calls/],
    [{ minimumWall: 'namespaces' }, /minimumWall: the wall that stands .+ does not guarantee/],
    [{ tier: 'container' }, /container does not work on this machine: it is not here/],
    [{ tier: 'wasm' }, /not part of this version/],
    [{ env: { 'A-B': '' } }, /env: "A-B" is not a name/],
    [{ env: { A: 'x'.repeat(200_000) } }, /env: .+ more than 128 KB/],
    [{ grant: ['__proto__'] }, /grant: /],
    [{ egress: { allow: ['https://a.com/path'] } }, /egress\.allow: "https:\/\/a\.com\/path" is no host/],
    [{ cors: { ...cors, origins: ['https://a.com/'] } }, /cors\.origins/],
    [{ cors: { ...cors, origins: ['https://a.com\r\nx: y'] } }, /cors\.origins/],
    [{ cors: { ...cors, headers: ['a\r\nb'] } }, /cors\.headers/],
    [{ cors: { ...cors, maxAgeSeconds: -1 } }, /cors\.maxAgeSeconds/],
    [{ entry: 'other.ts' }, /there is no file "other\.ts"/],
    [{ files: new Map([['index.ts', Buffer.alloc(300 * 1024)]]) }, /Function code exceeds 256 KB/],
    [{ trigger: { kind: 'cron', pattern: 'often' } }, /trigger\.pattern/],
  ];
  for (const [changes, message] of cases)
    await assert.rejects(
      parts.deployer.deploy(deploymentOf('hello', changes), OPERATOR),
      ({ message: text }: Fault) => {
        assert.match(text, message);
        return true;
      },
    );
  assert.deepEqual(parts.deployments.puts, []);
});

test('hosts are kept in the form in which they are compared', async () => {
  const { deployer } = createControlParts();
  const { added } = await deployer.deploy(deploymentOf('hello', { egress: { allow: ['API.Example.com.'] } }), OPERATOR);
  assert.deepEqual(added.egress, { allow: ['api.example.com'], refusal: 'throw' });
});

test('a function that is deleted is gone, and one whose deletion fails is there again', async () => {
  const { deployer, routes, functions, audited } = createControlParts();
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  functions.gates.set('remove', Promise.reject(new Error('no database')));
  await assert.rejects(deployer.remove('acme', 'hello', OPERATOR), /no database/);
  assert.ok(routes.find('acme', 'hello'));
  assert.equal(await deployer.remove('acme', 'hello', OPERATOR), true);
  assert.equal(routes.find('acme', 'hello'), undefined);
  assert.equal(await deployer.remove('acme', 'hello', OPERATOR), false);
  assert.deepEqual(
    audited.map(({ action }) => action),
    ['function.deploy', 'function.delete'],
  );
  const again = await deployer.deploy(deploymentOf('hello'), OPERATOR);
  assert.equal(again.added.number, 2, 'numbers never come back');
});
