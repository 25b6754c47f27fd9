import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { readTls, watchTls, type TlsFiles } from '../../../src/gateway/tls.ts';
import {
  routeTo,
  someVersion,
  startGateway,
  type TestGateway,
  type TestGatewayOptions,
} from '../../support/gateway.ts';

async function gateway(t: TestContext, options: TestGatewayOptions = {}): Promise<TestGateway> {
  const started = await startGateway(options);
  t.after(() => started.close());
  return started;
}

/** Makes a certificate for this name, in place of the one that is there. */
function writeCertificate({ certFile, keyFile }: TlsFiles, name: string): void {
  const subject = [
    '-subj',
    `/CN=${name}`,
    '-days',
    '2',
    '-nodes',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
  ];
  execFileSync('openssl', ['req', '-x509', ...subject, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
}

function files(t: TestContext): TlsFiles {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-tls-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
}

async function commonName(port: number): Promise<unknown> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return subject.CN;
}

test('/health says that the process lives, /ready whether requests should be sent to it', async (t) => {
  let isReady = true;
  const { call } = await gateway(t, { gateway: { isReady: () => isReady } });
  assert.equal(JSON.parse((await call('/health')).body).status, 'healthy');
  const ready = await call('/ready');
  assert.equal(ready.status, 200);
  assert.deepEqual(JSON.parse(ready.body), { status: 'ready' });
  isReady = false;
  const unready = await call('/ready/');
  assert.equal(unready.status, 503);
  assert.deepEqual(JSON.parse(unready.body), { status: 'not ready' });
  assert.equal((await call('/health')).status, 200);
  assert.equal((await call('/ready', { method: 'POST' })).status, 405);
});

test('with a certificate the gateway speaks TLS, and functions see https', async (t) => {
  const tls = files(t);
  writeCertificate(tls, 'first');
  const { call, invoked } = await gateway(t, {
    routes: [routeTo(someVersion('hello'))],
    gateway: { tls: readTls(tls) },
  });
  assert.equal((await call('/fn/hello', { secure: true })).body, 'ok');
  assert.equal(invoked[0]!.call.url, 'https://nobody.example/fn/hello');
});

test('a renewed certificate is served without a restart, and a broken one is not taken', async (t) => {
  const tls = files(t);
  writeCertificate(tls, 'first');
  const { port, server } = await gateway(t, { gateway: { tls: readTls(tls) } });
  const lines: string[] = [];
  const renewed = Promise.withResolvers<void>();
  const watch = watchTls({
    files: tls,
    servers: [server],
    intervalMs: 10,
    report(line) {
      lines.push(line);
      if (line.includes('read again')) renewed.resolve();
    },
  });
  t.after(() => watch.close());
  assert.equal(await commonName(port), 'first');
  writeFileSync(tls.keyFile, 'half of a ke');
  assert.equal(watch.reload(), false);
  assert.equal(watch.reload(), false);
  assert.equal(await commonName(port), 'first');
  writeCertificate(tls, 'second');
  await renewed.promise;
  assert.equal(await commonName(port), 'second');
  assert.equal(lines.filter((line) => line.includes('old certificate stays')).length, 1);
});

test('files that are no certificate stop the start, and say which they are', (t) => {
  const tls = files(t);
  assert.throws(() => readTls(tls), /cert\.pem can't be read/);
  writeFileSync(tls.certFile, 'x');
  writeFileSync(tls.keyFile, 'x');
  assert.throws(() => readTls(tls), /are not a certificate and its private key/);
});
