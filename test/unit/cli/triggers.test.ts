/** Events, times and dead letters on the command line. */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { cordon, startFakeServer, type Answers, type Asked } from './fake-server.ts';
import { projectFolder } from './project-folder.ts';

interface Session {
  readonly asked: readonly Asked[];
  run(args: readonly string[], input?: string): Promise<{ code: number; out: string; err: string }>;
}

async function session(t: TestContext, answers: Answers, files: Record<string, string> = {}): Promise<Session> {
  const fake = await startFakeServer(t, answers);
  const folder = projectFolder(t, files);
  return { asked: fake.asked, run: (args, input = '') => cordon(folder, fake.url, args, { input }) };
}

test('publish sends JSON from an argument, a file or standard input', async (t) => {
  const answer = { id: 'e1', deliveries: 2, duplicate: false };
  const { asked, run } = await session(t, { 'POST /api/events': answer }, { 'event.json': '[1]' });
  const options = ['--id', 'i', '--key', 'k', '--delay', '500', '--tenant', 'acme'];
  assert.deepEqual(await run(['publish', 'a:b', '{"n":1}', ...options]), {
    code: 0,
    out: 'e1 is published to 2 functions\n',
    err: '',
  });
  await run(['publish', 'a', '@event.json']);
  await run(['publish', 'a', '-'], '"piped"');
  assert.deepEqual(JSON.parse((await run(['publish', 'a', '--json'])).out), answer);
  assert.deepEqual(
    asked.map(({ url, body }) => [url, body]),
    [
      ['/api/events?tenant=acme', { channel: 'a:b', data: { n: 1 }, id: 'i', key: 'k', delayMs: 500 }],
      ['/api/events', { channel: 'a', data: [1] }],
      ['/api/events', { channel: 'a', data: 'piped' }],
      ['/api/events', { channel: 'a', data: null }],
    ],
  );
});

test('publish says what came of it, and what is wrong before it sends anything', async (t) => {
  const { asked, run } = await session(t, { 'POST /api/events': { id: 'e1', deliveries: 0, duplicate: true } });
  assert.equal((await run(['publish', 'a'])).out, 'e1 had been published before\n');
  assert.deepEqual([(await run(['publish'])).code, (await run(['publish', 'a', '1', '2'])).code], [2, 2]);
  const { code, err } = await run(['publish', 'a', '{']);
  assert.equal(code, 1);
  assert.match(err, /the data of an event must be JSON/);
  assert.equal(asked.length, 1);
});

const view = (name: string, changes: object = {}): object => ({
  tenant: 'default',
  name,
  pattern: '@daily',
  timeZone: 'UTC',
  paused: false,
  overlap: 'skip',
  catchUp: 'once',
  finishedAt: null,
  next: ['2030-01-01T00:00:00.000Z'],
  ...changes,
});

test('cron lists all pages, pauses, resumes, sets and runs', async (t) => {
  const cron = '/api/v1/functions/digest/cron';
  const { asked, run } = await session(t, {
    'GET /api/v1/cron': ({ url }: Asked) =>
      url.includes('after=a')
        ? { functions: [view('b', { paused: true })], next: null }
        : { functions: [view('a')], next: 'a' },
    [`PATCH ${cron}`]: ({ body }: Asked) => view('digest', body as object),
    [`POST ${cron}/run`]: { id: 'job' },
  });
  const { out } = await run(['cron', 'list']);
  assert.match(out, /^a +@daily +UTC +2030-01-01T00:00:00\.000Z +- +overlap skip, catch up once$/m);
  assert.match(out, /^b +@daily +UTC +paused /m);
  assert.equal((await run(['cron', 'pause', 'digest'])).out, 'digest is paused\n');
  assert.equal((await run(['cron', 'resume', 'digest'])).out, 'digest runs next at 2030-01-01T00:00:00.000Z\n');
  await run(['cron', 'set', 'digest', '--overlap', 'allow', '--catch-up', 'none']);
  assert.equal((await run(['cron', 'run', 'digest', '--tenant', 'acme'])).out, 'digest runs now\n');
  assert.equal((await run(['cron', 'set', 'digest'])).code, 2);
  assert.equal((await run(['cron', 'set', 'digest', '--overlap', 'maybe'])).code, 2);
  assert.deepEqual(
    asked.slice(2).map(({ method, url, body }) => [method, url, body]),
    [
      ['PATCH', cron, { paused: true }],
      ['PATCH', cron, { paused: false }],
      ['PATCH', cron, { overlap: 'allow', catchUp: 'none' }],
      ['POST', `${cron}/run?tenant=acme`, ''],
    ],
  );
});

const letter = (id: string): object => ({
  id,
  kind: 'event',
  function: 'mailer',
  key: null,
  attempts: 8,
  error: 'HANDLER_THREW: \x1b[31mboom',
  addedAt: 'then',
  diedAt: 'now',
});

test('dead letters are listed without driving the terminal, shown, replayed and discarded', async (t) => {
  const path = '/api/v1/dead-letters';
  const { asked, run } = await session(t, {
    [`GET ${path}`]: ({ url }: Asked) =>
      url.includes('before=1') ? { deadLetters: [letter('2')], next: null } : { deadLetters: [letter('1')], next: '1' },
    [`GET ${path}/event%3Ax`]: { ...letter('event:x'), payload: { data: 1 } },
    [`POST ${path}/replay`]: ({ body }: Asked) => ({ count: (body as { ids: string[] }).ids.length }),
    [`POST ${path}/discard`]: { count: 1 },
  });
  const { out } = await run(['dead-letters', 'list']);
  assert.match(out, /^1 +mailer +8 +now +HANDLER_THREW: \\u001b\[31mboom$/m);
  assert.match(out, /^2 /m);
  assert.equal(JSON.parse((await run(['dead-letters', 'show', 'event:x'])).out).payload.data, 1);
  assert.equal(
    (await run(['dead-letters', 'replay', '--all', '--function', 'mailer'])).out,
    '2 are in the queue again\n',
  );
  assert.equal((await run(['dead-letters', 'discard', '1', '--yes'])).out, '1 is gone\n');
  assert.deepEqual(
    asked.filter(({ method }) => method === 'POST').map(({ body }) => body),
    [{ ids: ['1', '2'] }, { ids: ['1'] }],
  );
  for (const args of [['replay'], ['replay', '1', '--all'], ['replay', '1', '--function', 'x'], ['discard', '1']])
    assert.equal((await run(['dead-letters', ...args])).code, 2, args.join(' '));
});
