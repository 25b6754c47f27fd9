/** The command line as a person or a script meets it: words in; standard output, standard error and an exit code out. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { readInput } from '../../../src/cli/input.ts';
import { Fault } from '../../../src/core/faults.ts';
import { cordon, functionView, startFakeServer, versionView } from './fake-server.ts';
import { projectFolder } from './project-folder.ts';

const NOWHERE = 'http://127.0.0.1:9';

test('help, of all, of a group and of one command, and the version', async (t) => {
  const folder = projectFolder(t, {});
  const run = async (...args: string[]): Promise<string> => (await cordon(folder, NOWHERE, args)).out;
  const overview = await run();
  for (const { name } of COMMANDS) assert.ok(overview.includes(`  cordon ${name} `), name);
  assert.equal(await run('help'), overview);
  assert.match(await run('invoke', '--help'), /-d, --data DATA .+[^]+Examples\n {2}# a GET\n {2}cordon invoke hello/);
  assert.equal(await run('help', 'secrets', 'set'), await run('secrets', 'set', '-h'));
  assert.match(await run('help', 'secrets'), /cordon secrets rotate-key/);
  assert.match(await run('--version'), /^\d+\.\d+\.\d+\n$/);
});

test('every command has examples, and each of them is one that it takes', () => {
  for (const command of COMMANDS) {
    assert.ok(command.examples.length > 0, command.name);
    for (const [line] of command.examples) {
      const at = line.lastIndexOf(`cordon ${command.name}`);
      if (at < 0) continue;
      const words = line
        .slice(at + `cordon ${command.name}`.length)
        .split(/ (?:&&|>) |\)$/)[0]!
        .match(/'[^']*'|"[^"]*"|\S+/g);
      assert.doesNotThrow(() => readInput(command, words ?? []), line);
    }
  }
});

test('no two options of a command are alike', () => {
  for (const { name, options } of COMMANDS) {
    const words = options.flatMap((option) => [option.name, ...(option.short === undefined ? [] : [option.short])]);
    assert.deepEqual(words, [...new Set(words)], name);
    assert.ok(!words.some((word) => ['json', 'help', 'h'].includes(word)), name);
  }
});

test('a command line that is not valid ends with 2, what is wrong, and how it should be', async (t) => {
  const folder = projectFolder(t, { 'functions/hello.ts': '' });
  const cases: [string[], RegExp][] = [
    [['deplyo'], /there is no command "deplyo"; did you mean deploy\?\nUsage: cordon --help/],
    [['secrets', 'sett'], /there is no command "secrets sett"; did you mean secrets set\?; there are set, list/],
    [['secrets'], /say which: set, list, unset, rotate-key/],
    [['deploy', 'x.ts'], /--name is missing\nUsage: cordon deploy/],
    [['deploy', '--name', 'x'], /FILE is missing/],
    [['deploy', 'a', 'b', '--name', 'x'], /FILE is one, but there are 2: a b/],
    [['deploy', 'helo'], /there is no function "helo" in this project; did you mean hello\?/],
    [['deploy', '--handler', 'x'], /--handler is for a FILE: in a project, cordon.toml says it/],
    [['deploy', 'a', '--name', 'x', '--timeout-ms', '5s'], /--timeout-ms is "5s", but it must be a whole number/],
    [['deploy', 'a', '--name', 'x', '--env', 'KEY'], /--env is "KEY", but it must be NAME=VALUE/],
    [['deploy', 'a', '--name', '--tenant', 'x'], /--name needs a value: write --name=--tenant if that is it/],
    [['deploy', 'a', '--name'], /--name needs a value: NAME/],
    [['invoke', 'x', '--path', 'y'], /--path is "y", but it must begin with \//],
    [['invoke', 'x', '--tenant', 'y'], /--tenant needs --operator/],
    [['invoke', 'x@'], /NAME must be a name, or NAME@VERSION/],
    [['logs', '--folow', 'x'], /there is no option --folow; did you mean --follow\?/],
    [['logs', '--follow=yes', 'x'], /--follow is a switch and takes no value/],
    [['list', 'x'], /there is no use for "x"/],
    [['serve', 'x'], /there is no use for "x"/],
    [['tokens', 'create', 'x', '--role', 'root'], /--role is "root", but it must be one of admin, user, service_role/],
    [['delete', 'x'], /nobody can be asked here: say --yes/],
    [['promote', 'x', 'new'], /VERSION is "new", but it must be a number/],
    [['canary', 'set', 'x', '2', '5'], /SHARE is "5", but it must be from 0% to 100%/],
    [['completion', 'tcsh'], /there is a script for bash, zsh and fish, but not for tcsh/],
    [['\x1b[2J'], /there is no command "\\u001b\[2J"/],
  ];
  for (const [args, message] of cases) {
    const { code, out, err } = await cordon(folder, NOWHERE, args);
    assert.deepEqual([code, out], [2, ''], `${args.join(' ')}: ${err}`);
    assert.match(err, message);
  }
});

test('a bad setting stops serve with its sentence', async (t) => {
  const { code, err } = await cordon(projectFolder(t, {}), NOWHERE, ['serve', '--port', 'http']);
  assert.deepEqual([code, err], [1, 'cordon: PORT is "http", but it must be a whole number from 0 to 65535\n']);
});

test('a fault is told with its code and where in the input it went wrong', async (t) => {
  const fake = await startFakeServer(t, {
    'GET /api/v1/functions/gone': new Fault('NOT_FOUND', 'Tenant default has no function gone'),
    'GET /api/v1/functions': new Fault('UNAUTHORIZED', 'The token is not valid'),
    'PUT /api/v1/functions/bad': new Fault('COMPILE_FAILED', 'bad.ts:1:1: no', { issues: ['  1 | bad\n    | ^'] }),
  });
  const folder = projectFolder(t, { 'bad.ts': 'bad' });
  const err = async (...args: string[]): Promise<[number, string]> => {
    const outcome = await cordon(folder, fake.url, args);
    return [outcome.code, outcome.err];
  };
  assert.deepEqual(await err('info', 'gone'), [1, 'cordon: Tenant default has no function gone (NOT_FOUND)\n']);
  assert.deepEqual(await err('list', '--json'), [1, 'cordon: The token is not valid (UNAUTHORIZED)\n']);
  assert.deepEqual(await err('deploy', 'bad.ts', '--name', 'bad'), [
    1,
    'cordon: bad.ts:1:1: no (COMPILE_FAILED)\n  1 | bad\n    | ^\n',
  ]);
});

test('a file, a server or a token that is not there is said in a sentence', async (t) => {
  const folder = projectFolder(t, {});
  const err = async (url: string, env: NodeJS.ProcessEnv, ...args: string[]): Promise<string> =>
    (await cordon(folder, url, args, { env })).err;
  assert.match(await err(NOWHERE, {}, 'deploy', 'nope.ts', '--name', 'x'), /^cordon: ENOENT: no such file/);
  assert.match(await err(NOWHERE, {}, 'list'), /^cordon: the request to .+ failed|^cordon: nothing answers at/);
  assert.match(
    await err(NOWHERE, { CORDON_ADMIN_TOKEN: '' }, 'list'),
    /^cordon: there is no admin token: set CORDON_ADMIN_TOKEN/,
  );
});

test('list reads every page, shows a table to a person and JSON to a program', async (t) => {
  const pages = [
    { functions: [functionView('a'), functionView('b', { live: null })], next: 'b' },
    { functions: [functionView('long-name', { active: false, canary: { version: 2, weight: 0.05 } })], next: null },
  ];
  const fake = await startFakeServer(t, {
    'GET /api/v1/functions': ({ url }: { url: string }) => pages[url.includes('after=b') ? 1 : 0],
  });
  const folder = projectFolder(t, {});
  const { out } = await cordon(folder, fake.url, ['list', '--tenant', 'acme', '--search', 'o&n']);
  assert.equal(
    out,
    `NAME       VERSION      TIER     STATE     CHANGED
a          @1           isolate  live      2026-11-21T00:00:00.000Z
b          -            -        not live  2026-11-21T00:00:00.000Z
long-name  @1 + @2 5 %  isolate  inactive  2026-11-21T00:00:00.000Z
`,
  );
  assert.equal(fake.asked[0]!.url, '/api/v1/functions?tenant=acme&search=o%26n&limit=1000');
  assert.equal(fake.asked[0]!.authorization, 'Bearer a-token-for-the-tests');
  const { out: asJson } = await cordon(folder, fake.url, ['list', '--json']);
  assert.deepEqual(
    (JSON.parse(asJson) as { name: string }[]).map(({ name }) => name),
    ['a', 'b', 'long-name'],
  );
});

test('no name that comes from a server drives the terminal that shows it', async (t) => {
  const fake = await startFakeServer(t, {
    'GET /api/v1/functions': { functions: [functionView('a\x1b[2J\nb\u202e')], next: null },
  });
  const folder = projectFolder(t, {});
  assert.match((await cordon(folder, fake.url, ['list'])).out, /^a\\u001b\[2J\\nb\\u202e /m);
  const { out } = await cordon(folder, fake.url, ['list', '--json']);
  assert.ok(!out.includes('\u202e') && out.includes('\\u202e'));
});

test('versions, rollback, promote, aliases and canaries ask for what their words say', async (t) => {
  const view = functionView('hello', {
    live: versionView(3),
    aliases: { next: 4 },
    canary: { version: 4, weight: 0.05 },
  });
  const fake = await startFakeServer(t, {
    'GET /api/v1/functions/hello': view,
    'GET /api/v1/functions/hello/versions': { versions: [versionView(4), versionView(3)], next: null },
    'POST /api/v1/functions/hello/rollback': view,
    'POST /api/v1/functions/hello/promote': view,
    'PUT /api/v1/functions/hello/aliases/next': view,
    'DELETE /api/v1/functions/hello/aliases/next': view,
    'PUT /api/v1/functions/hello/canary': view,
    'DELETE /api/v1/functions/hello/canary': view,
  });
  const folder = projectFolder(t, {});
  const run = (...args: string[]): Promise<{ out: string }> => cordon(folder, fake.url, args);
  assert.equal(
    (await run('versions', 'hello')).out,
    `VERSION  IS                CODE      TIER     BY        DEPLOYED
@4       canary 5 %, next  44444444  isolate  operator  2026-11-21T00:00:00.000Z
@3       live              33333333  isolate  operator  2026-11-21T00:00:00.000Z
`,
  );
  fake.asked.length = 0;
  assert.equal((await run('rollback', 'hello')).out, 'hello@3 is live, @4 takes 5 %, next is @4\n');
  await run('rollback', 'hello', '@2', '--tenant', 'acme');
  await run('promote', 'hello');
  await run('promote', 'hello', '4');
  await run('alias', 'set', 'hello', 'next', '4');
  await run('alias', 'remove', 'hello', 'next');
  await run('canary', 'set', 'hello', '4', '5%');
  await run('canary', 'end', 'hello');
  assert.deepEqual(
    fake.asked.map(({ method, url, body }) => [method, url.replace('/api/v1/functions/hello', ''), body]),
    [
      ['POST', '/rollback', {}],
      ['POST', '/rollback?tenant=acme', { version: 2 }],
      ['POST', '/promote', {}],
      ['POST', '/promote', { version: 4 }],
      ['PUT', '/aliases/next', { version: 4 }],
      ['DELETE', '/aliases/next', ''],
      ['PUT', '/canary', { version: 4, weight: 0.05 }],
      ['DELETE', '/canary', ''],
    ],
  );
});

test('delete asks for --yes where nobody can be asked, and then deletes', async (t) => {
  const fake = await startFakeServer(t, { 'DELETE /api/v1/functions/hello': null });
  const folder = projectFolder(t, {});
  assert.deepEqual(await cordon(folder, fake.url, ['delete', 'hello', '-y']), {
    code: 0,
    out: 'hello is deleted\n',
    err: '',
  });
});

test('logs shows the lines, follows them, and no function drives the terminal that shows them', async (t) => {
  const line = { id: 7, tenant: 'default', name: 'talker', version: 1, invocation: 'i1', level: 'info', timeMs: 0 };
  const lines = [{ ...line, message: 'one\n2026-01-01 forged\x1b[2J' }];
  const fake = await startFakeServer(t, {
    'GET /api/v1/functions/talker/logs': ({ url }: { url: string }) =>
      url.includes('follow=1') ? `\n${JSON.stringify({ ...line, id: 8, message: 'two' })}\n` : { lines },
  });
  const folder = projectFolder(t, {});
  const { out } = await cordon(folder, fake.url, ['logs', 'talker', '-f']);
  assert.equal(
    out,
    '1970-01-01T00:00:00.000Z @1 i1 info  one\n    2026-01-01 forged\\u001b[2J\n1970-01-01T00:00:00.000Z @1 i1 info  two\n',
  );
  assert.equal(fake.asked[1]!.url, '/api/v1/functions/talker/logs?follow=1&after=7');
  const { out: asJson } = await cordon(folder, fake.url, ['logs', 'talker', '--json']);
  assert.deepEqual(JSON.parse(asJson), lines[0]);
});

test('invoke prints the answer, sends no token, and ends with 1 for a fault', async (t) => {
  const fake = await startFakeServer(t, {
    'GET /fn/hello/a': '{"ok":true}',
    'PUT /fn/hello': 'put',
    'POST /fn/hello@next': 'posted',
    'GET /fn/gone': new Fault('NOT_FOUND', 'There is no function gone'),
  });
  const folder = projectFolder(t, {});
  const run = (args: string[], input = ''): Promise<unknown> =>
    cordon(folder, fake.url, ['invoke', ...args], { input });
  assert.deepEqual(await run(['hello', '--path', '/a?b=c']), { code: 0, out: '{"ok":true}', err: '' });
  await run(['hello', '-d', '{"a":1}', '-X', 'put', '-H', 'X-A: b']);
  await run(['hello@next', '--data', '-', '--header', 'content-type: text/plain'], 'from stdin');
  assert.deepEqual(
    fake.asked.map(({ method, url, authorization, contentType, body }) => [
      method,
      url,
      authorization,
      contentType,
      body,
    ]),
    [
      ['GET', '/fn/hello/a?b=c', undefined, undefined, ''],
      ['PUT', '/fn/hello', undefined, 'application/json', { a: 1 }],
      ['POST', '/fn/hello@next', undefined, 'text/plain', 'from stdin'],
    ],
  );
  assert.deepEqual(await run(['gone']), { code: 1, out: '', err: 'cordon: There is no function gone (NOT_FOUND)\n' });
});

test('invoke --operator goes through the operator API: logs apart from the answer, an error with its stack', async (t) => {
  const logs = [{ level: 'info', message: 'one\ntwo', timeMs: 0 }];
  const fake = await startFakeServer(t, {
    'GET /api/v1/functions/hello': functionView('hello', { aliases: { next: 7 } }),
    'POST /api/v1/functions/hello/invoke': {
      id: 'i',
      ok: true,
      durationMs: 1,
      logs,
      response: { statusCode: 200, headers: {}, body: { a: 1 } },
    },
    'POST /api/v1/functions/bad/invoke': {
      id: 'i',
      ok: false,
      durationMs: 1,
      logs,
      error: { code: 'HANDLER_THREW', message: 'no', stack: 'Error: no\n    at bad.ts:1:1' },
    },
  });
  const folder = projectFolder(t, {});
  const run = (...args: string[]): Promise<unknown> => cordon(folder, fake.url, ['invoke', ...args, '--operator']);
  assert.deepEqual(await run('hello@next', '-d', 'x', '--fresh', '--tenant', 'acme', '--path', '?q=1'), {
    code: 0,
    out: '{\n  "a": 1\n}\n',
    err: 'info: one\\ntwo\n',
  });
  assert.deepEqual(fake.asked.at(-1)!.body, {
    method: 'POST',
    path: '?q=1',
    headers: { 'content-type': 'application/json' },
    body: 'x',
    version: 7,
    fresh: true,
  });
  assert.equal(fake.asked.at(-1)!.url, '/api/v1/functions/hello/invoke?tenant=acme');
  assert.deepEqual(await run('bad'), {
    code: 1,
    out: '',
    err: 'info: one\\ntwo\ncordon: Error: no\n    at bad.ts:1:1 (HANDLER_THREW)\n',
  });
  assert.deepEqual(await run('hello@nxt'), {
    code: 1,
    out: '',
    err: 'cordon: hello has no alias nxt; did you mean next?\n',
  });
});

test('tokens: the token alone on standard output, and never in a list', async (t) => {
  const token = {
    id: 't1',
    name: 'ci',
    tenant: 'acme',
    role: 'user',
    createdAt: '2026-11-21T00:00:00.000Z',
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
  };
  const fake = await startFakeServer(t, {
    'POST /api/v1/tokens': { ...token, token: 'cdn_secret' },
    'GET /api/v1/tokens': { tokens: [token, { ...token, id: 't2', expiresAt: '2020-01-01T00:00:00.000Z' }] },
    'DELETE /api/v1/tokens/t1': null,
  });
  const folder = projectFolder(t, {});
  const created = await cordon(folder, fake.url, [
    'tokens',
    'create',
    'ci',
    '--tenant',
    'acme',
    '--expires-in-days',
    '9',
  ]);
  assert.equal(created.out, 'cdn_secret\n');
  assert.match(created.err, /^ci \(t1\), user of acme. It is not shown again:\n$/);
  assert.deepEqual(fake.asked[0]!.body, { name: 'ci', tenant: 'acme', role: 'user', expiresInDays: 9 });
  const { out } = await cordon(folder, fake.url, ['tokens', 'list']);
  assert.match(out, /^t1 {2}ci {4}acme {4}user {2}valid +never$/m);
  assert.match(out, /^t2 .+ expired 2020-01-01/m);
  assert.equal((await cordon(folder, fake.url, ['tokens', 'revoke', 't1', '--yes'])).out, 't1 is revoked\n');
});

test('tenants are made, listed, suspended, resumed and erased', async (t) => {
  const acme = { name: 'acme', quotas: { functions: 5, concurrency: null }, suspended: false, createdAt: 'then' };
  const fake = await startFakeServer(t, {
    'POST /api/v1/tenants': acme,
    'GET /api/v1/tenants': { tenants: [acme] },
    'PATCH /api/v1/tenants/acme': acme,
    'DELETE /api/v1/tenants/acme': null,
  });
  const folder = projectFolder(t, {});
  const run = async (...args: string[]): Promise<string> => (await cordon(folder, fake.url, ['tenants', ...args])).out;
  assert.equal(await run('create', 'acme', '--functions', '5'), 'acme is there\n');
  assert.equal(await run('list'), 'NAME  STATE    QUOTAS       CREATED\nacme  running  functions 5  then\n');
  assert.equal(await run('suspend', 'acme', '-y'), 'acme is suspended\n');
  assert.equal(await run('resume', 'acme'), 'acme is running\n');
  assert.equal(await run('delete', 'acme', '--yes'), 'acme is erased\n');
  assert.deepEqual(
    fake.asked.map(({ body }) => body).filter((body) => body !== ''),
    [{ name: 'acme', quotas: { functions: 5 } }, { suspended: true }, { suspended: false }],
  );
});

test('audit shows who did what', async (t) => {
  const entry = {
    id: 1,
    time: 'now',
    actor: 'operator',
    action: 'function.deploy',
    tenant: null,
    target: 'a',
    outcome: 'ok',
  };
  const fake = await startFakeServer(t, {
    'GET /api/v1/audit': { entries: [{ ...entry, details: { version: 2 } }], next: null },
  });
  const { out } = await cordon(projectFolder(t, {}), fake.url, ['audit']);
  assert.match(out, /^now {3}operator {2}function.deploy {2}- {7}a {3}ok {7}\{"version":2\}$/m);
});

test('completion: bash completes commands, their second words and their options', async (t) => {
  const folder = projectFolder(t, {});
  const { out: script } = await cordon(folder, NOWHERE, ['completion', 'bash']);
  writeFileSync(join(folder, 'cordon.bash'), script);
  const completed = (...words: string[]): string[] => {
    const program = `source ./cordon.bash; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _cordon; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', program], { cwd: folder, encoding: 'utf8' }).trim().split('\n');
  };
  assert.deepEqual(completed('cordon', 'de'), ['dev', 'deploy', 'dead-letters', 'delete']);
  assert.deepEqual(completed('cordon', 'secrets', 's'), ['set']);
  assert.deepEqual(completed('cordon', 'secrets', 'set', '--en'), ['--env-file']);
  assert.deepEqual(completed('cordon', 'deploy', 'hello', '--dry'), ['--dry-run']);
  assert.deepEqual(completed('cordon', 'help', 'roll'), ['rollback']);
  const { out: fish } = await cordon(folder, NOWHERE, ['completion', 'fish']);
  assert.match(fish, /^complete -c cordon -n '__fish_seen_subcommand_from deploy' -l dry-run -d '/m);
  const { out: zsh } = await cordon(folder, NOWHERE, ['completion', 'zsh']);
  assert.match(zsh, /'secrets set'\) choices=\('--env-file:/);
});
