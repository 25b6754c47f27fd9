/** Code that means harm, run by the real server while another tenant's function must answer all the time. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADMIN_TOKEN, deployed, startTestServer, type TestServer } from '../support/server.ts';

const TIMEOUT_MS = 1000;
/** Filling the memory takes its time, and the fault has to be the memory's. */
const BOMB_TIMEOUT_MS = 8000;
/** To end what is over its time; on a machine that is busy with other things, many times what a calm call takes there. */
const SLACK_MS = 1_000;
const SLACK_OF_CALM = 30;
const CALM_CALLS = 50;

let server: TestServer;
let neighbour: string;
let slackMs = SLACK_MS;
before(async () => {
  server = await startTestServer({ env: { CORDON_EXECUTOR_MEMORY_MB: '256' } });
  neighbour = await deployed(server, 'neighbour', 'export default { fetch: () => new Response("still here") }');
  for (let i = 0; i < CALM_CALLS; i++) {
    const startedMs = performance.now();
    await (await fetch(neighbour)).text();
    if (i > 0) slackMs = Math.max(slackMs, SLACK_OF_CALM * (performance.now() - startedMs));
  }
});
after(() => server[Symbol.asyncDispose]());

const ATTACKS = [
  ['while(true){}', 'while (true) {}', 'TIMED_OUT'],
  ['a microtask loop', 'for (;;) await null;', 'TIMED_OUT'],
  ['an allocation loop that ignored interrupts', 'for (;;) new Array(1000).fill(1);', 'TIMED_OUT'],
  [
    'an array-like indexOf that nothing can stop',
    'Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);',
    'TIMED_OUT',
  ],
  ['an allocation bomb', 'const all = []; for (;;) all.push(new Array(100000).fill({}));', 'OUT_OF_MEMORY'],
  [
    'a bomb of buffers',
    'const all = []; for (;;) all.push(new Uint8Array(1024 * 1024).fill(1));',
    'OUT_OF_MEMORY|HANDLER_THREW|SANDBOX_RECYCLED',
  ],
  ['a bomb of strings', 'let s = "x"; for (;;) s += s + s;', 'HANDLER_THREW|OUT_OF_MEMORY'],
  ['a deep recursion', 'const f = () => f() + 1; f();', 'HANDLER_THREW'],
  ['a regular expression that backtracks', '/^(a+)+$/.test("a".repeat(40) + "b");', 'TIMED_OUT'],
  ['a rejection whose message loops', 'await Promise.reject({ get message() { for (;;); } });', 'TIMED_OUT'],
  [
    'a flood of log lines',
    'for (let i = 0; i < 200000; i++) console.log("x".repeat(1000)); throw new Error("flooded");',
    'HANDLER_THREW',
  ],
  ['a flood of timers', 'for (;;) setTimeout(() => {}, 1e9);', 'HANDLER_THREW'],
  [
    'a promise bomb',
    'const f = () => Promise.all([f2(), f2()]); const f2 = async () => { await null; return f(); }; await f();',
    'TIMED_OUT|OUT_OF_MEMORY',
  ],
] as const;

for (const [name, attack, fault] of ATTACKS) {
  test(
    `${name} ends in its fault while another tenant's function answers throughout`,
    { timeout: 120_000 },
    async () => {
      let over = false;
      let answered = 0;
      const watching = (async () => {
        while (!over) {
          const response = await fetch(neighbour, { signal: AbortSignal.timeout(30_000) });
          assert.equal(await response.text(), 'still here');
          answered++;
        }
      })();
      const timeout = fault.startsWith('OUT_OF_MEMORY') ? BOMB_TIMEOUT_MS : TIMEOUT_MS;
      const startedMs = performance.now();
      const response = await server.execute(
        { code: `export default async () => { ${attack} }`, timeout, memory: 64, tenant: 'mallory' },
        { authorization: `Bearer ${ADMIN_TOKEN}` },
      );
      const tookMs = performance.now() - startedMs;
      const answer = (await response.json()) as { success: boolean; code: string };
      over = true;
      await watching;
      assert.equal(answer.success, false);
      assert.match(answer.code, new RegExp(`^(?:${fault})$`));
      assert.ok(tookMs < timeout + slackMs, `it took ${Math.round(tookMs)} ms`);
      assert.ok(answered > 0);
    },
  );
}

test('the host answers the next request of the same tenant after all of that', async () => {
  const response = await server.execute(
    { code: 'return { statusCode: 200, body: "fine" }', tenant: 'mallory' },
    { authorization: `Bearer ${ADMIN_TOKEN}` },
  );
  assert.equal(((await response.json()) as { result: { body: string } }).result.body, 'fine');
});
