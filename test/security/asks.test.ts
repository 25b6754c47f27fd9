/** An executor that is no longer ours, asking for capabilities with any bytes it likes: one named attack each. */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ANONYMOUS } from '../../src/core/principal.ts';
import { FrameType, WINDOW_BYTES } from '../../src/wire/frames.ts';
import { parseMeta } from '../../src/wire/meta.ts';
import { makeCall, makeVersion, RecordingSink } from '../support/calls.ts';
import { startSession, type Rig } from '../support/far-end.ts';
import { MemoryCapabilities } from '../support/memory-capabilities.ts';

const EVENTS = { onSettled: () => undefined, onNotBegun: () => undefined, onGone: () => undefined };

interface Attack extends Rig {
  readonly capabilities: MemoryCapabilities;
  /** A call of this tenant's function, by its id on the wire. */
  callOf(tenant: string, principal?: string): Promise<number>;
}

async function attack(t: TestContext, capabilities: MemoryCapabilities = new MemoryCapabilities()): Promise<Attack> {
  const rig = await startSession(capabilities);
  t.after(() => rig.close());
  return {
    ...rig,
    capabilities,
    async callOf(tenant, principal = 'nobody') {
      const sandbox = rig.session.open(makeVersion('f', { tenant }), EVENTS);
      sandbox.invoke(makeCall({ principal: { ...ANONYMOUS, id: principal } }), new RecordingSink());
      return (await rig.far.next(FrameType.CALL)).stream;
    },
  };
}

test('a hostile executor that asks in the name of another executor’s call is ended, and nothing begins', async (t) => {
  const victim = await attack(t);
  const ids = [await victim.callOf('victim'), await victim.callOf('victim')];
  const hostile = await attack(t, victim.capabilities);
  await hostile.callOf('attacker');
  hostile.far.ask(ids[1] as number, 1);
  await hostile.broken;
  assert.equal(victim.capabilities.exchanges.length, 0);
  assert.deepEqual(victim.heard.broken, []);
});

test('a hostile executor that says who it is changes nothing: tenant and principal are its call’s', async (t) => {
  const { far, callOf, capabilities, settle } = await attack(t);
  const id = await callOf('attacker', 'mallory');
  far.meta(
    FrameType.ASK,
    id,
    '[1,"fetch",0,{"tenant":"victim","version":{"tenant":"victim"},"__proto__":{"caller":{}}},{"tenant":"victim"}]',
  );
  await settle();
  const { version, call } = capabilities.exchanges[0]?.caller ?? assert.fail('nothing began');
  assert.equal(version.tenant, 'attacker');
  assert.equal(call.principal.id, 'mallory');
  assert.equal(({} as { caller?: unknown }).caller, undefined);
});

test('a hostile executor can’t use a call, and its principal’s rights, once that is over', async (t) => {
  const { far, callOf, capabilities, settle, heard } = await attack(t);
  const id = await callOf('attacker', 'alice');
  far.ask(id, 1, {}, 2);
  far.reply(id, 'done');
  far.ask(id, 2);
  far.askFrame(FrameType.ASK_DATA, id, 1, 'more');
  await settle();
  assert.equal(capabilities.exchanges.length, 1);
  assert.equal(capabilities.exchanges[0]?.cancels, 1);
  assert.equal(capabilities.exchanges[0]?.text, '');
  assert.deepEqual(heard.broken, []);
});

test('a hostile executor that sends more than it has credit for is ended at one window', async (t) => {
  const capabilities = new MemoryCapabilities();
  const { far, callOf, broken, settle } = await attack(t, capabilities);
  const id = await callOf('attacker');
  far.ask(id, 1, {}, 2);
  await settle();
  const exchange = capabilities.exchanges[0] ?? assert.fail('nothing began');
  exchange.hasRoom = false;
  for (let i = 0; i < 20; i++) far.askFrame(FrameType.ASK_DATA, id, 1, Buffer.alloc(60_000));
  assert.match(await broken, /window/);
  assert.ok(Buffer.concat(exchange.chunks).length <= WINDOW_BYTES);
  assert.equal(exchange.cancels, 1);
});

test('a hostile executor that never gives credit holds one window of an answer, and no more of the host', async (t) => {
  const { far, callOf, capabilities, settle } = await attack(t);
  const id = await callOf('attacker');
  far.ask(id, 1, { url: 'http://bytes/' });
  await settle();
  capabilities.exchanges[0]?.stream(100_000_000);
  await settle();
  assert.ok((capabilities.exchanges[0]?.sentBytes ?? 0) <= 2 * WINDOW_BYTES);
});

test('a hostile executor that opens more than it may is refused, and hears why', async (t) => {
  const { far, callOf, capabilities } = await attack(t);
  const id = await callOf('attacker');
  for (let number = 1; number <= 1000; number++) far.ask(id, number);
  const refusal = parseMeta((await far.next(FrameType.ANSWER_FAIL)).payload) as unknown[];
  assert.equal(refusal[1], 'TOO_MANY_REQUESTS');
  assert.equal(capabilities.exchanges.length, 64);
});
