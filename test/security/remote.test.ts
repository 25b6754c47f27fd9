/** Attacks on what lies between two hosts: on an executor, on the host that sends it functions, and on its callbacks. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Executor } from '../../src/core/tier.ts';
import { framedMeta, SANDBOX_RPC_PATH } from '../../src/core/sandbox-rpc.ts';
import type { CallbackFinder } from '../../src/gateway/sandbox-rpc-route.ts';
import type { RemoteTier } from '../../src/tiers/remote/remote-tier.ts';
import { FrameType } from '../../src/wire/frames.ts';
import { callbackToken } from '../../src/wire/remote/callback-token.ts';
import { RUN_HEADER, SIGNATURE_HEADER, signAnswer, signRun } from '../../src/wire/remote/handshake.ts';
import { remoteKeys } from '../../src/wire/remote/keys.ts';
import { makeCall, makeVersion, RecordingSink } from '../support/calls.ts';
import { instanceOf, knock, startScriptedService, type ScriptedService } from '../support/executor-service.ts';
import { callOnce, startGateway, type TestGateway } from '../support/gateway.ts';
import { startIsolateTier } from '../support/isolate-tier.ts';
import type { TierUnderTest } from '../support/walled-tier.ts';
import { MemoryCapabilities, servePlaces } from '../support/memory-capabilities.ts';
import { remoteTierAt, SHARED_KEY, startExecutorProcess, type ExecutorProcess } from '../support/remote-tier.ts';
import { OpenSandbox } from '../support/sandbox.ts';

const KEYS = remoteKeys(SHARED_KEY);
const HEAD = { tier: null } as const;

/** What no host of ours says to an executor. */
const HOSTILE_FRAMES: readonly Buffer[] = [
  frame(99, 1),
  frame(FrameType.PING, 0, Buffer.alloc(0), 0xffff_ffff),
  frame(FrameType.PING, 0, Buffer.alloc(0), 1),
  frame(FrameType.OPEN, 1, meta('not json')),
  frame(FrameType.OPEN, 1, meta('{}')),
  frame(FrameType.OPEN, 1, meta('{"key":1}')),
  frame(FrameType.OPEN, 1, Buffer.from([255, 255, 255, 255])),
  frame(FrameType.CALL, 1, meta('[]')),
  frame(FrameType.CALL, 1, meta('[1,0,1e99,"GET","/",[],"http","","id",null,null]')),
  frame(FrameType.CALL, 1, meta('[1,0,1000,"GET","/",["odd"],"http","","id",null,null]')),
];

/** What an executor may say to make its host stumble, once it has heard of a sandbox and a call. */
const LIES: readonly (readonly [what: string, said: (socket: Socket) => void])[] = [
  ['a frame of no type', (socket) => socket.write(frame(77, 1))],
  ['a frame of four gigabytes', (socket) => socket.write(frame(FrameType.REPLY, 1, Buffer.alloc(0), 0xffff_ffff))],
  ['an answer to a call that was never made', (socket) => socket.write(frame(FrameType.REPLY, 9, meta('[200,[],1]')))],
  ['a status that is none', (socket) => socket.write(frame(FrameType.REPLY, 1, meta('[42,[],1]')))],
  ['headers that are no list', (socket) => socket.write(frame(FrameType.REPLY, 1, meta('[200,{"length":2},1]')))],
  ['a body without a head', (socket) => socket.write(frame(FrameType.DATA, 1, Buffer.alloc(10)))],
  [
    'more of a body than it may send',
    (socket) => {
      socket.write(frame(FrameType.HEAD, 1, meta('[200,[],0]')));
      for (let i = 0; i < 400; i++) socket.write(frame(FrameType.DATA, 1, Buffer.alloc(64 * 1024)));
    },
  ],
  [
    'the same content asked for again and again',
    (socket) => {
      for (let i = 0; i < 100; i++) socket.write(frame(FrameType.NEED_CONTENT, 1));
    },
  ],
  ['the content of a sandbox that was never made', (socket) => socket.write(frame(FrameType.NEED_CONTENT, 5))],
  ['a question without a number', (socket) => socket.write(frame(FrameType.ASK, 1, meta('["fetch"]')))],
  ['a meta longer than its frame', (socket) => socket.write(frame(FrameType.REPLY, 1, Buffer.from([255, 255, 0, 0])))],
  ['the end of the stream', (socket) => socket.end()],
];

function meta(text: string): Buffer {
  const bytes = Buffer.from(`\0\0\0\0${text}`);
  bytes.writeUInt32LE(bytes.length - 4, 0);
  return bytes;
}

describe('a stranger at POST /run', () => {
  let executor: ScriptedService;
  let instance: string;
  before(async () => {
    executor = await startScriptedService();
    instance = await instanceOf(executor.url);
  });
  after(() => executor.die());

  test('a request that is signed is let in, and the same one is refused when it is sent again', async () => {
    const { headers } = signRun(KEYS, HEAD, instance, Date.now());
    const first = await knock(executor.url, headers);
    assert.equal(first.status, 101);
    first.socket?.destroy();
    const second = await knock(executor.url, headers);
    assert.equal(second.status, 401);
    assert.match(second.body, /seen before/);
  });

  test('a request without a signature, or signed with another key, is refused', async () => {
    assert.equal((await knock(executor.url, {})).status, 401);
    const other = signRun(remoteKeys('another-key-that-is-as-long-as-this'), HEAD, instance, Date.now());
    assert.equal((await knock(executor.url, other.headers)).status, 401);
  });

  test('what is asked for can’t be changed under its signature', async () => {
    const { headers } = signRun(KEYS, HEAD, instance, Date.now());
    const other = Buffer.from(JSON.stringify({ tier: 'isolate' })).toString('base64url');
    assert.equal((await knock(executor.url, { ...headers, [RUN_HEADER]: other })).status, 401);
    const later = (headers[SIGNATURE_HEADER] as string).replace(/t=(\d+)/, (_, time) => `t=${Number(time) + 1}`);
    assert.equal((await knock(executor.url, { ...headers, [SIGNATURE_HEADER]: later })).status, 401);
  });

  test('a request from a minute ago, or from a minute ahead, is refused', async () => {
    for (const shiftMs of [-61_000, 61_000]) {
      const { status, body } = await knock(executor.url, signRun(KEYS, HEAD, instance, Date.now() + shiftMs).headers);
      assert.equal(status, 401);
      assert.match(body, /clocks/);
    }
  });

  test('a request that was signed for another executor is refused', async () => {
    const { headers } = signRun(KEYS, HEAD, 'A'.repeat(22), Date.now());
    assert.equal((await knock(executor.url, headers)).status, 421);
  });

  test('the key itself is refused in any header, and the operator is told', async () => {
    const { headers } = signRun(KEYS, HEAD, instance, Date.now());
    for (const own of [{ authorization: `Bearer ${SHARED_KEY}` }, { 'x-sandbox-rpc-token': SHARED_KEY }]) {
      const { status, body } = await knock(executor.url, { ...headers, ...own });
      assert.equal(status, 401);
      assert.match(body, /never sent/);
      assert.ok(!body.includes(SHARED_KEY));
    }
    const plain = await fetch(`${executor.url}/run`, {
      method: 'POST',
      headers: { authorization: `Bearer ${SHARED_KEY}` },
    });
    assert.equal(plain.status, 401);
    assert.match(executor.reported.join('\n'), /SANDBOX_RPC_TOKEN itself was sent/);
    assert.ok(!executor.reported.join('\n').includes(SHARED_KEY));
  });

  test('heads that are too long are refused, and the executor goes on', async () => {
    const { headers } = signRun(KEYS, HEAD, instance, Date.now());
    assert.equal((await knock(executor.url, { ...headers, [RUN_HEADER]: 'A'.repeat(5_000) })).status, 400);
    assert.equal((await knock(executor.url, { ...headers, 'x-long': 'x'.repeat(70_000) })).status, 431);
    assert.equal((await fetch(`${executor.url}/health`)).status, 200);
  });

  test('a tier that the executor lacks is refused, not replaced', async () => {
    const { headers } = signRun(KEYS, { tier: 'microvm' }, instance, Date.now());
    assert.equal((await knock(executor.url, headers)).status, 422);
  });

  test('frames of a caller that make no sense end its stream and nothing else', async () => {
    for (const bytes of HOSTILE_FRAMES) {
      const { socket } = await knock(executor.url, signRun(KEYS, HEAD, instance, Date.now()).headers);
      assert.ok(socket !== null);
      socket.on('error', () => undefined);
      const closed = once(socket, 'close');
      socket.resume().write(bytes);
      await closed;
    }
    assert.equal((await fetch(`${executor.url}/health`)).status, 200);
  });
});

describe('an executor that lies', () => {
  const servers: { close(): void }[] = [];
  const tiers: RemoteTier[] = [];
  after(async () => {
    for (const tier of tiers) await tier.close();
    for (const server of servers) server.close();
  });

  /** Holds the key, so that its host begins to talk with it; then says `said`. */
  async function liar(said: (socket: Socket) => void, sign = KEYS): Promise<RemoteTier> {
    const instance = 'B'.repeat(22);
    const server: Server = createServer((_, response) => response.end(JSON.stringify({ instance })));
    server.on('upgrade', ({ headers }: IncomingMessage, socket: Socket) => {
      socket.on('error', () => undefined);
      const nonce = /n=(\S+)/.exec(headers[SIGNATURE_HEADER] as string)?.[1] ?? '';
      const own = Object.entries(signAnswer(sign, { tier: 'isolate' }, nonce)).map(
        ([name, value]) => `${name}: ${value}\r\n`,
      );
      socket.write(`HTTP/1.1 101 x\r\nconnection: Upgrade\r\nupgrade: cordon-frames\r\n${own.join('')}\r\n`);
      said(socket);
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const tier = remoteTierAt([`http://127.0.0.1:${(server.address() as AddressInfo).port}`]);
    tiers.push(tier);
    return tier;
  }

  test('one that does not hold the key can’t pose as an executor', async () => {
    const tier = await liar(() => undefined, remoteKeys('some-other-key-of-some-other-hosts'));
    await assert.rejects(tier.spawn(), /does not hold SANDBOX_RPC_TOKEN/);
  });

  test('an answer that was signed for another request is worth nothing', async () => {
    const instance = 'C'.repeat(22);
    const old = Object.entries(signAnswer(KEYS, { tier: 'isolate' }, 'D'.repeat(22))).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    const server = createServer((_, response) => response.end(JSON.stringify({ instance })));
    server.on('upgrade', (_: IncomingMessage, socket: Socket) => {
      socket.on('error', () => undefined);
      socket.write(`HTTP/1.1 101 x\r\nconnection: Upgrade\r\nupgrade: cordon-frames\r\n${old.join('')}\r\n`);
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const tier = remoteTierAt([`http://127.0.0.1:${(server.address() as AddressInfo).port}`]);
    tiers.push(tier);
    await assert.rejects(tier.spawn(), /does not hold SANDBOX_RPC_TOKEN/);
  });

  for (const [what, said] of LIES)
    test(`its host survives ${what}, and fails the call`, async () => {
      const tier = await liar((socket) => {
        socket.write(frame(FrameType.READY, 0));
        socket.once('data', () => said(socket));
      });
      const executor = await tier.spawn();
      const { promise: broken, resolve } = Promise.withResolvers<string>();
      executor.listen({
        onExit: resolve,
        onBroken: (reason) => (resolve(reason), void executor.kill(reason)),
        onOverrun: () => undefined,
        onLog: () => undefined,
      });
      const sink = new RecordingSink();
      sink.wants = false;
      sandboxOf(executor).invoke(makeCall(), sink);
      assert.equal(await sink.outcome, 'SANDBOX_RECYCLED');
      assert.ok((await broken).length > 0);
    });

  test(
    'one that takes connections and says nothing is given up, and another is tried',
    { timeout: 60_000 },
    async () => {
      const silent = createTcpServer((socket) => socket.on('error', () => undefined).resume());
      servers.push(silent);
      silent.listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const honest = await startScriptedService();
      const tier = remoteTierAt([`http://127.0.0.1:${(silent.address() as AddressInfo).port}`, honest.url]);
      tiers.push(tier);
      const executor = await tier.spawn();
      assert.equal(executor.place?.placement, 'remote');
      await executor.kill('the test is over');
      await honest.die();
    },
  );

  test('one whose head never ends, or is sent a byte at a time, is given up', { timeout: 60_000 }, async () => {
    const drips: NodeJS.Timeout[] = [];
    const loris = createServer((_, response) => response.end(JSON.stringify({ instance: 'E'.repeat(22) })));
    loris.on('upgrade', (_: IncomingMessage, socket: Socket) => {
      socket.on('error', () => undefined);
      socket.write('HTTP/1.1 101 x\r\nx: ');
      drips.push(setInterval(() => socket.write('y'), 100).unref());
    });
    servers.push(loris);
    loris.listen(0, '127.0.0.1');
    await once(loris, 'listening');
    const tier = remoteTierAt([`http://127.0.0.1:${(loris.address() as AddressInfo).port}`]);
    tiers.push(tier);
    await assert.rejects(tier.spawn(), /in time/);
    for (const drip of drips) clearInterval(drip);
  });
});

describe('calling back', () => {
  let local: TierUnderTest;
  let executor: ExecutorProcess;
  let tier: RemoteTier;
  let gateway: TestGateway;
  let selfUrl: string;
  const seen: (string | undefined)[] = [];
  const capabilities = new MemoryCapabilities(servePlaces);
  const strangers = createServer((_, response) => response.end());
  let visits = 0;

  before(async () => {
    const finder: CallbackFinder = {
      find: (authorization) => (seen.push(authorization), tier.callbacks.find(authorization)),
    };
    gateway = await startGateway({ gateway: { callbacks: finder } });
    selfUrl = `http://127.0.0.1:${gateway.port}`;
    strangers.on('connection', () => visits++).listen(0, '127.0.0.1');
    executor = await startExecutorProcess({ SELF_URL: selfUrl, CORDON_EXECUTOR_ASKS: 'callback' });
    local = await startIsolateTier('bwrap');
    tier = remoteTierAt([executor.url], capabilities, { selfUrl });
  });
  after(async () => {
    await tier?.close();
    gateway?.close();
    strangers.close();
    await Promise.all([local?.close(), executor?.stop()]);
  });

  async function openFetching(name = 'caller', tenant = 'acme'): Promise<OpenSandbox> {
    const spawned = await tier.spawn();
    const artifact = await local.build(`export default { async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const answer = await fetch('http:/' + pathname + search, request.method === 'POST' ? { method: 'POST', body: request.body, duplex: 'half' } : {});
      return new Response(answer.body);
    } }`);
    return new OpenSandbox(
      spawned,
      makeVersion(name, { tenant, tier: 'remote', artifact, limits: { concurrency: 64 } }),
    );
  }

  const ask = (authorization: string) =>
    callOnce(gateway.port, SANDBOX_RPC_PATH, {
      method: 'POST',
      headers: { authorization },
      body: framedMeta({ kind: 'fetch', meta: { url: 'http://echo/' }, hasBody: false }).toString('latin1'),
    });

  const tokenOf = (
    invocation: string,
    change: Partial<{ tenant: string; functionName: string; audience: string }> = {},
    expiresMs = Date.now() + 5_000,
  ) =>
    callbackToken(
      KEYS,
      { invocation, tenant: 'acme', functionName: 'caller', audience: selfUrl, ...change },
      expiresMs,
    );

  test('a fetch by a callback is made on behalf of its invocation, and its body streams', async () => {
    const opened = await openFetching();
    const { body } = await opened.call({ id: 'inv-1', url: 'http://localhost/echo/' });
    assert.equal((JSON.parse(body) as { invocation: string }).invocation, 'inv-1');
    assert.ok(seen.some((authorization) => authorization?.startsWith('Cordon v1.')));
    const large = await opened.call({ url: 'http://localhost/bytes/3000000' });
    assert.equal(large.body.length, 3_000_000);
    const counted = await opened.call({ method: 'POST', url: 'http://localhost/count/', body: Buffer.alloc(700_000) });
    assert.equal(counted.body, '700000');
  });

  test('a refusal crosses with its code', async () => {
    const opened = await openFetching();
    const fault = await opened.fault({ url: 'http://localhost/blocked/' });
    assert.match(fault.message, /SSRF guard/);
  });

  test('a token is worth something while its invocation runs, and nothing afterwards', async () => {
    const opened = await openFetching();
    seen.length = 0;
    const sink = opened.start({ id: 'inv-2', url: 'http://localhost/stalled/' });
    await capabilities.until(() => capabilities.exchanges.at(-1)?.caller.call.id === 'inv-2');
    const token = seen.at(-1) as string;
    const during = await ask(token);
    assert.equal(during.status, 200);
    assert.match(during.body, /inv-2/);
    const settled = opened.nextSettled();
    sink.exchange.cancel();
    await settled;
    assert.equal((await ask(token)).status, 401);
  });

  test('tokens for another time, host, tenant, function or invocation are refused while it runs', async () => {
    const opened = await openFetching();
    const others = await openFetching('theirs', 'rival');
    const sink = opened.start({ id: 'inv-3', url: 'http://localhost/silent/' });
    const rival = others.start({ id: 'inv-4', url: 'http://localhost/silent/' });
    await capabilities.until(() =>
      ['inv-3', 'inv-4'].every((id) => capabilities.exchanges.some(({ caller }) => caller.call.id === id)),
    );
    assert.equal((await ask(tokenOf('inv-3'))).status, 200);
    const refused: Record<string, string> = {
      expired: tokenOf('inv-3', {}, Date.now() - 1),
      'too long': tokenOf('inv-3', {}, Date.now() + 3_600_000),
      'another host': tokenOf('inv-3', { audience: 'https://elsewhere.example' }),
      'another tenant': tokenOf('inv-3', { tenant: 'rival' }),
      'another function': tokenOf('inv-3', { functionName: 'theirs' }),
      'an invocation of another tenant': tokenOf('inv-4'),
      'one that never was': tokenOf('inv-5'),
      'a changed invocation': tokenOf('inv-3').replace(/v1\.[^.]+/, `v1.${Buffer.from('inv-4').toString('base64url')}`),
      'the key itself': `Bearer ${SHARED_KEY}`,
      'the key as a token': `Cordon ${SHARED_KEY}`,
      nothing: '',
    };
    for (const [what, authorization] of Object.entries(refused))
      assert.equal((await ask(authorization)).status, 401, what);
    sink.exchange.cancel();
    rival.exchange.cancel();
  });

  test('a body that is no question is refused, and kinds that no request can carry', async () => {
    const opened = await openFetching();
    const sink = opened.start({ id: 'inv-6', url: 'http://localhost/silent/' });
    await capabilities.until(() => capabilities.exchanges.some(({ caller }) => caller.call.id === 'inv-6'));
    const bodies = [
      '',
      'x',
      '\xff\xff\xff\xff{}',
      framedMeta(null).toString('latin1'),
      framedMeta({ kind: 'websocket', meta: {} }).toString('latin1'),
    ];
    for (const body of bodies) {
      const { status } = await callOnce(gateway.port, SANDBOX_RPC_PATH, {
        method: 'POST',
        headers: { authorization: tokenOf('inv-6') },
        body,
      });
      assert.equal(status, 400, JSON.stringify(body.slice(0, 20)));
    }
    sink.exchange.cancel();
  });

  test('a callback URL in a request is not called: the executor knows its host by its own setting', async () => {
    const { port } = strangers.address() as AddressInfo;
    const evil = `http://127.0.0.1:${port}`;
    const opened = await openFetching();
    const headers = [
      'self-url',
      evil,
      'cordon-callback',
      evil,
      'x-forwarded-host',
      `127.0.0.1:${port}`,
      'host',
      `127.0.0.1:${port}`,
    ];
    const { body } = await opened.call({
      url: 'http://localhost/echo/',
      headers,
      query: { selfUrl: evil, callback: evil },
    });
    assert.match(body, /"kind":"fetch"/);
    const instance = await instanceOf(executor.url);
    const named = signRun(KEYS, { tier: null, selfUrl: evil, callback: evil } as never, instance, Date.now());
    const { status, socket } = await knock(executor.url, { ...named.headers, 'self-url': evil });
    assert.equal(status, 101);
    socket?.destroy();
    assert.equal(visits, 0);
  });

  test('a path that begins like it is no way around', async () => {
    for (const path of [`${SANDBOX_RPC_PATH}x`, `${SANDBOX_RPC_PATH}/../sandbox-rpc%00`])
      assert.equal((await callOnce(gateway.port, path, { method: 'POST', body: '' })).status, 404);
    const request405 = request(`${selfUrl}${SANDBOX_RPC_PATH}`, { method: 'GET', agent: false }).end();
    const [response] = (await once(request405, 'response')) as [IncomingMessage];
    response.resume();
    assert.equal(response.statusCode, 405);
  });
});

function sandboxOf(executor: Executor) {
  return executor.open(makeVersion('f', { tier: 'remote' }), {
    onSettled: () => undefined,
    onNotBegun: () => undefined,
    onGone: () => undefined,
  });
}

function frame(
  type: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
  length = 5 + payload.length,
): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  bytes.writeUInt32LE(length >>> 0, 0);
  bytes[4] = type;
  bytes.writeUInt32LE(stream, 5);
  bytes.set(payload, 9);
  return bytes;
}
