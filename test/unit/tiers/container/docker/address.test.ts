import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Fault } from '../../../../../src/core/faults.ts';
import { findSocket } from '../../../../../src/tiers/container/docker/address.ts';

const reasonFor = (host: string): string => {
  try {
    findSocket({ host, runtimeDir: null });
  } catch (error) {
    assert.equal((error as Fault).code, 'TIER_UNAVAILABLE');
    return (error as Fault).message;
  }
  return assert.fail(`${host} was taken`);
};

test('the address of a Unix socket is taken as it is', () => {
  assert.equal(
    findSocket({ host: 'unix:///run/user/1000/docker.sock', runtimeDir: null }),
    '/run/user/1000/docker.sock',
  );
});

test('an address on the network is refused with the reason', () => {
  for (const host of ['tcp://127.0.0.1:2375', 'ssh://me@there', 'http://localhost', 'npipe:////./pipe/docker'])
    assert.match(reasonFor(host), /must be unix:\/\/.*has to be bind-mounted/);
});

test('an address that is none is refused', () => {
  assert.match(reasonFor('/var/run/docker.sock'), /names no protocol/);
  assert.match(reasonFor('unix://var/run/docker.sock'), /absolute path/);
  assert.match(reasonFor(`unix:///${'x'.repeat(107)}`), /at most 107 bytes/);
});

test('without an address the usual places are looked at, and named where nothing is there', async (t) => {
  const runtimeDir = mkdtempSync(join(tmpdir(), 'cordon-address-'));
  t.after(() => rmSync(runtimeDir, { recursive: true }));
  const path = join(runtimeDir, 'podman', 'podman.sock');
  mkdirSync(join(runtimeDir, 'podman'));
  const before = (): string => {
    try {
      return findSocket({ host: null, runtimeDir });
    } catch (error) {
      return (error as Error).message;
    }
  };
  const first = before();
  // This machine may have an engine of its own, which comes first.
  if (!first.startsWith('/')) assert.match(first, new RegExp(`no socket at /var/run/docker.sock, .*${path}`));
  const server = createServer();
  await once(server.listen(path), 'listening');
  assert.equal(findSocket({ host: '', runtimeDir }), first.startsWith('/') ? first : path);
  await once(server.close(), 'close');
});
