import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import type { LogLine } from '../../../src/core/log-line.ts';
import { deploymentOf, F, OPERATOR, startControlServer } from './control-server.ts';

const line = (id: number): LogLine => ({
  id,
  tenant: 'acme',
  name: 'hello',
  version: 1,
  invocation: 'i',
  level: 'info',
  message: `line ${id}`,
  timeMs: 1,
});

test('lines are read for a known function only', async (t) => {
  const { call, deployer, write } = await startControlServer(t);
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  write(line(1));
  const { body } = await call('acme', 'GET', `${F}/hello/logs?after=0&limit=10`);
  assert.deepEqual(body.lines, [line(1)]);
  assert.equal((await call('acme', 'GET', `${F}/nope/logs`)).status, 404);
  assert.match((await call('acme', 'GET', `${F}/hello/logs?limit=many`)).body.detail, /^limit: expected number/);
});

test('following brings lines as they are written, and ends with the client', async (t) => {
  const { url, deployer, write, followerGone } = await startControlServer(t);
  await deployer.deploy(deploymentOf('hello'), OPERATOR);
  const request = httpRequest(`${url}${F}/hello/logs?follow=1`, { headers: { authorization: 'Bearer acme' } }).end();
  const response = await new Promise<IncomingMessage>((resolve) => request.on('response', resolve));
  assert.equal(response.headers['content-type'], 'application/x-ndjson');
  // Leaving is an error to the one who leaves.
  const lines = createInterface({ input: response.on('error', () => {}) }).on('error', () => {});
  request.on('error', () => {});
  let written = 0;
  for await (const text of lines) {
    if (text !== '') assert.deepEqual(JSON.parse(text), line(written));
    if (written === 3) break;
    write(line(++written));
  }
  request.destroy();
  await followerGone;
});
