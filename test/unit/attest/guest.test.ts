/** What judges an attack from inside of a function: a realm without any wall must be seen to be broken out of. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInThisContext } from 'node:vm';
import type { Answer, Deployed, Evidence, Lab, Sent, Source } from '../../../src/attest/attack.ts';
import { escape, exhaust, patch, result } from '../../../src/attest/guest.ts';

const own = { name: 'an attack', class: 'realm', tiers: ['isolate'] } as const;

interface Fetcher {
  fetch(request: Request, env: object, ctx: object): Response | Promise<Response>;
}

const answerOf = (
  status: number,
  text: string,
  code: string | null = null,
  headers: Record<string, string> = {},
): Answer => ({
  status,
  text,
  code,
  headers,
  cut: false,
  tookMs: 1,
});

/** Runs what is deployed in this very realm. */
function labWithoutWalls(): Lab {
  const deploy = async (source: string | Source): Promise<Deployed> => {
    const code = (typeof source === 'string' ? source : (source['code'] as string)).replace('export default', 'return');
    const { fetch } = runInThisContext(`(() => { ${code} })`)() as Fetcher;
    const call: (Deployed & { ok: true })['call'] = async ({ headers = {}, body } = {}) => {
      const init = {
        headers: headers as Record<string, string>,
        ...(body === undefined ? {} : { method: 'POST', body: body as string }),
      };
      try {
        const response = await fetch(new Request('http://localhost/', init), {}, {});
        return answerOf(response.status, await response.text(), null, Object.fromEntries(response.headers));
      } catch {
        return answerOf(502, '', 'HANDLER_THREW');
      }
    };
    return { ok: true, name: 'here', call };
  };
  return { deploy, slowness: 1 } as unknown as Lab;
}

const labThatAnswers = (...answers: Answer[]): Lab =>
  ({
    slowness: 1,
    deploy: () => Promise.resolve({ ok: true, name: 'x', call: () => Promise.resolve(answers.shift()) }),
  }) as unknown as Lab;

const labThatRefuses = (answer: Answer): Lab =>
  ({ slowness: 1, deploy: () => Promise.resolve({ ok: false, answer }) }) as unknown as Lab;

async function broken(promise: Promise<Evidence>, text: RegExp): Promise<void> {
  const evidence = await promise;
  assert.equal(evidence.held, false, evidence.text);
  assert.match(evidence.text, text);
}

async function held(promise: Promise<Evidence>, text: RegExp): Promise<void> {
  const evidence = await promise;
  assert.equal(evidence.held, true, evidence.text);
  assert.match(evidence.text, text);
}

test('code that is made from a text is seen', async () => {
  for (const body of [
    `compile('x', Function)`,
    `compile('x', (async () => {}).constructor)`,
    `compile('x', (function* () {}).constructor)`,
    `inspect('request', request)`,
    `if (eval('6*7') === 42) hit('eval')`,
  ])
    await broken(escape({ ...own, body }).run(labWithoutWalls()), /^reached /);
});

test('what leads to the host is seen', async () => {
  await broken(escape({ ...own, body: `inspect('global', globalThis)` }).run(labWithoutWalls()), /process/);
});

test('an attack that reaches nothing has not broken anything, and how it ended is told', async () => {
  await held(
    escape({ ...own, body: `throw new Error('no way')` }).run(labWithoutWalls()),
    /nothing was reached; it ended in Error: no way/,
  );
});

test('an escape that takes Cordon down has not held', async () => {
  await broken(escape({ ...own, body: '' }).run(labThatAnswers(answerOf(500, '{}', 'INTERNAL'))), /INTERNAL/);
  await broken(escape({ ...own, body: '' }).run(labThatRefuses(answerOf(500, '{}', 'INTERNAL'))), /INTERNAL/);
  await held(escape({ ...own, body: '' }).run(labThatRefuses(answerOf(400, '{}', 'COMPILE_FAILED'))), /refused/);
});

test('a patch that something else than the function calls is seen', async () => {
  await broken(
    patch({
      ...own,
      body: `wrap(Headers.prototype, 'forEach', 'Headers'); setTimeout(() => new Headers().forEach(() => 0), 0)`,
    }).run(labWaiting()),
    /passed by: \["?Headers\.forEach|passed by: \[Headers\.forEach/,
  );
});

/** Something happens between two calls. */
function labWaiting(): Lab {
  const lab = labWithoutWalls();
  return {
    ...lab,
    async deploy(source: string | Source) {
      const target = (await lab.deploy(source)) as Deployed & { ok: true };
      return {
        ...target,
        async call(sent: Partial<Sent> = {}) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          return target.call(sent);
        },
      };
    },
  };
}

test('an exhaustion has to end in its fault, in its time, and with a function that answers again', async () => {
  const attack = exhaust({ ...own, body: '', faults: /^TIMED_OUT$/ });
  const timedOut = answerOf(504, '{}', 'TIMED_OUT');
  const calm = answerOf(200, 'calm');
  await held(attack.run(labThatAnswers(timedOut, calm)), /answers again/);
  await broken(attack.run(labThatAnswers(answerOf(200, 'done'), calm)), /^200/);
  await broken(attack.run(labThatAnswers(answerOf(500, '{}', 'INTERNAL'), calm)), /INTERNAL/);
  await broken(attack.run(labThatAnswers({ ...timedOut, tookMs: 60_000 }, calm)), /with a limit/);
  await broken(attack.run(labThatAnswers(timedOut, timedOut, calm)), /but then 504/);
  const onBusy = (...answers: Answer[]): Lab => ({ ...labThatAnswers(...answers), slowness: 5 });
  await held(attack.run(onBusy(timedOut, timedOut, calm)), /answers again/);
  await broken(attack.run(onBusy(timedOut, timedOut, timedOut, timedOut, timedOut, calm)), /but then 504/);
  await broken(attack.run(labThatAnswers(timedOut, answerOf(502, '{}', 'LOAD_FAILED'))), /but then/);
  await held(
    attack.run(labThatAnswers(timedOut, answerOf(503, '{}', 'SANDBOX_RECYCLED', { 'retry-after': '1' }))),
    /then 503/,
  );
  await broken(exhaust({ ...own, body: '', atLoad: true }).run(labThatAnswers()), /it was deployed/);
});

test('a result may be a fault of its function, and none of the server', async () => {
  const attack = result({ ...own, body: '' });
  await held(attack.run(labThatAnswers(answerOf(502, '{}', 'BAD_RESPONSE'), answerOf(200, 'calm'))), /BAD_RESPONSE/);
  await broken(attack.run(labThatAnswers(answerOf(500, '{}', 'INTERNAL'))), /INTERNAL/);
});
