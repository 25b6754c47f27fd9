/** Secrets on the command line: where a value may come from, and where it must not go. */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { BIN, TOKEN, cordon, startFakeServer } from './fake-server.ts';
import { projectFolder } from './project-folder.ts';

test('values come from arguments, a file, or standard input', async (t) => {
  const fake = await startFakeServer(t, {
    'PUT /api/v1/secrets': null,
    'PUT /api/v1/functions/mailer/secrets': null,
  });
  const folder = projectFolder(t, { '.env.prod': 'A=1\nB="two words"\n' });
  const set = (args: string[], input = ''): Promise<{ code: number; out: string; err: string }> =>
    cordon(folder, fake.url, ['secrets', 'set', ...args], { input });
  assert.deepEqual(await set(['K=a=b', '--plain', '--tenant', 'acme']), { code: 0, out: 'set: K\n', err: '' });
  assert.equal((await set(['--env-file', '.env.prod', '--function', 'mailer'])).out, 'set: A, B\n');
  await set(['KEY', '--host', 'api.stripe.com'], 'from a pipe\n');
  await set([], 'C=3\nD=4\n');
  assert.deepEqual(
    fake.asked.map(({ url, body }) => [url.replace('/api/v1', ''), (body as { variables: unknown }).variables]),
    [
      ['/secrets?tenant=acme', [{ name: 'K', value: 'a=b', secret: false, hosts: [] }]],
      [
        '/functions/mailer/secrets',
        [
          { name: 'A', value: '1', secret: true, hosts: [] },
          { name: 'B', value: 'two words', secret: true, hosts: [] },
        ],
      ],
      ['/secrets', [{ name: 'KEY', value: 'from a pipe', secret: true, hosts: ['api.stripe.com'] }]],
      [
        '/secrets',
        [
          { name: 'C', value: '3', secret: true, hosts: [] },
          { name: 'D', value: '4', secret: true, hosts: [] },
        ],
      ],
    ],
  );
});

test('a value that is missing, or nothing to set, is a mistake of the command line', async (t) => {
  const folder = projectFolder(t, {});
  const set = async (...args: string[]): Promise<[number, string]> => {
    const { code, err } = await cordon(folder, 'http://127.0.0.1:9', ['secrets', 'set', ...args]);
    return [code, err.split('\n')[0]!];
  };
  assert.deepEqual(await set('KEY'), [2, 'cordon: standard input is empty: send the value to it']);
  assert.deepEqual(await set(), [2, 'cordon: there is nothing to set: name a secret']);
  assert.deepEqual(await set('A', 'B'), [2, 'cordon: nobody can be asked for A here: send it to standard input']);
});

test('a list shows the values of plain variables only; unset names what goes', async (t) => {
  const variable = { name: 'K', hosts: [], updatedAt: 'then' };
  const fake = await startFakeServer(t, {
    'GET /api/v1/secrets': {
      variables: [
        { ...variable, secret: true, value: '••••' },
        { ...variable, name: 'REGION', secret: false, value: 'eu', hosts: ['a.io'] },
      ],
    },
    'DELETE /api/v1/secrets': { removed: ['K'] },
    'POST /api/v1/secrets/rotate-key': { keyId: 'k2', resealed: 2, removedKeys: 1, unreadable: ['acme//OLD'] },
  });
  const folder = projectFolder(t, {});
  const run = (...args: string[]): Promise<unknown> => cordon(folder, fake.url, ['secrets', ...args]);
  assert.deepEqual(await run('list'), {
    code: 0,
    out: 'NAME    VALUE  HOSTS  SET\nK       ••••          then\nREGION  eu     a.io   then\n',
    err: '',
  });
  assert.deepEqual(await run('unset', 'K', 'REGION'), {
    code: 1,
    out: 'unset: K\n',
    err: 'cordon: there was no REGION\n',
  });
  assert.deepEqual(fake.asked.at(-1)!.body, { names: ['K', 'REGION'] });
  assert.deepEqual(await run('rotate-key', '--yes'), {
    code: 1,
    out: '2 secrets are sealed with a new key\n',
    err: 'cordon: no key opens these, set them again: acme//OLD\n',
  });
});

/** Runs a program in a terminal of its own. */
const SCRIPT: string = 'script';
const skip = hasScript() ? false : 'there is no "script" here, which makes a terminal';

test('what is typed at a terminal is sent, and not shown', { skip }, async (t) => {
  const fake = await startFakeServer(t, { 'PUT /api/v1/secrets': null });
  const terminal = spawn(SCRIPT, ['-qec', `'${process.execPath}' '${BIN}' secrets set KEY`, '/dev/null'], {
    cwd: projectFolder(t, {}),
    env: { PATH: process.env['PATH'], CORDON_URL: fake.url, CORDON_ADMIN_TOKEN: TOKEN, NO_COLOR: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (!shown.includes('KEY: ') && (shown + text).includes('KEY: ')) terminal.stdin.write('hunter2\r');
    shown += text;
  });
  const [code] = (await once(terminal, 'close')) as [number];
  assert.deepEqual([code, shown], [0, 'KEY: \r\nset: KEY\r\n']);
  assert.deepEqual(fake.asked[0]!.body, { variables: [{ name: 'KEY', value: 'hunter2', secret: true, hosts: [] }] });
});

function hasScript(): boolean {
  try {
    execFileSync(SCRIPT, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
