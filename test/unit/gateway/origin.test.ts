import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as send, type IncomingMessage } from 'node:http';
import { BlockList, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { Origins } from '../../../src/gateway/origin.ts';

/** The request as a server on loopback receives it; its socket stays open while the test looks at it. */
async function received(headers: Record<string, string>): Promise<IncomingMessage> {
  const server = createServer((request, response) => {
    server.emit('received', request);
    setImmediate(() => response.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const got = once(server, 'received') as Promise<[IncomingMessage]>;
  const { port } = server.address() as AddressInfo;
  send({ port, host: '127.0.0.1', headers }, (response) => response.resume()).end();
  const [request] = await got;
  server.close();
  return request;
}

function originsWith({ domain = null as string | null, trusted = [] as string[] }): Origins {
  const trustedProxies = new BlockList();
  for (const address of trusted) trustedProxies.addAddress(address);
  return new Origins({ operatorHosts: ['localhost', '127.0.0.1'], domain, trustedProxies });
}

test('a host name of the operator is known with and without its port, in any case', async () => {
  const origins = originsWith({});
  for (const host of ['localhost', 'localhost:3003', 'LOCALHOST', '127.0.0.1:80'])
    assert.equal(origins.siteOf(await received({ host }))?.isOperator, true, host);
  for (const host of ['localhost.example.com', 'example.com:3003', '127.0.0.2'])
    assert.equal(origins.siteOf(await received({ host }))?.isOperator, false, host);
});

test('a Host header that is no host name is none', async () => {
  const origins = originsWith({});
  for (const host of ['a b', 'a/b', 'user@host', 'host:port', '[::1', 'ho"st'])
    assert.equal(origins.siteOf(await received({ host })), null, host);
});

test('a name below the domain names a tenant, and nothing else does', async () => {
  const origins = originsWith({ domain: 'functions.example' });
  const tenants = {
    'acme.functions.example': 'acme',
    'acme.functions.example:80': 'acme',
    'functions.example': 'default',
    'a.b.functions.example': 'default',
    'acme.evilfunctions.example': 'default',
  };
  for (const [host, tenant] of Object.entries(tenants))
    assert.equal(origins.siteOf(await received({ host }))?.tenant, tenant, host);
});

test('the client’s address is the peer’s, unless a trusted proxy tells of another', async () => {
  const forwarded = await received({ host: 'x', 'x-forwarded-for': '6.6.6.6, 9.9.9.9' });
  const distrusting = originsWith({});
  assert.equal(distrusting.clientAddress(forwarded, distrusting.trusts(forwarded)), '127.0.0.1');
  const trusting = originsWith({ trusted: ['127.0.0.1'] });
  assert.equal(trusting.clientAddress(forwarded, trusting.trusts(forwarded)), '9.9.9.9');
  const chain = originsWith({ trusted: ['127.0.0.1', '9.9.9.9'] });
  assert.equal(chain.clientAddress(forwarded, chain.trusts(forwarded)), '6.6.6.6');
});
