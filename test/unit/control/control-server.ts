/** A control API on a real listener, storage and logs; only the builder is left out. */

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createAuthenticator } from '../../../src/auth/authenticator.ts';
import { createControlApp } from '../../../src/control/app.ts';
import type { Deployment } from '../../../src/core/deployment.ts';
import { Fault } from '../../../src/core/faults.ts';
import { createLogs } from '../../../src/observe/logs.ts';
import type { Logs } from '../../../src/observe/logs.ts';
import { createOutput } from '../../../src/observe/output.ts';
import { openSqliteStorage } from '../../../src/storage/sqlite-storage.ts';
import type { Storage } from '../../../src/storage/storage.ts';
import { newVersion } from '../../conformance/storage.ts';

export const TOKEN = 'a-token-for-the-tests';

export interface ControlServer {
  readonly url: string;
  readonly storage: Storage;
  readonly logs: Logs;
  /** In the order in which they came. */
  readonly deployments: readonly Deployment[];
  /** Errors that the client is told nothing about. */
  readonly reported: readonly unknown[];
  /** Resolves when the first follower has gone. */
  readonly followerGone: Promise<void>;
  close(): Promise<void>;
}

/** Code that is `bad` does not compile; code that is `bug` makes the server fail. */
export async function startControlServer(): Promise<ControlServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'cordon-control-'));
  const storage = await openSqliteStorage(dataDir);
  const logs = await createLogs({ store: storage, stdout: createOutput(new PassThrough().resume()), retentionDays: 1 });
  const deployments: Deployment[] = [];
  const reported: unknown[] = [];
  const followerGone = Promise.withResolvers<void>();
  const server = createServer(
    createControlApp({
      authenticate: createAuthenticator(TOKEN),
      async deploy(deployment) {
        deployments.push(deployment);
        const code = Buffer.from(deployment.files.get(deployment.entry)!).toString();
        if (code === 'bad') throw new Fault('COMPILE_FAILED', 'index.ts:1:1: no', { issues: ['  1 | bad\n    | ^'] });
        if (code === 'bug') throw new Error('a secret of the host');
        const { tenant, name, env = {} } = deployment;
        await storage.deployVersion(newVersion({ tenant, name, env }), deployment.files);
        return (await storage.functionOf(tenant, name))!;
      },
      functions: storage,
      logs: {
        read: (query) => logs.read(query),
        follow(target, signal) {
          signal.addEventListener('abort', () => followerGone.resolve());
          return logs.follow(target, signal);
        },
      },
      report: (error) => reported.push(error),
    }),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    storage,
    logs,
    deployments,
    reported,
    followerGone: followerGone.promise,
    async close() {
      await logs.close();
      server.closeAllConnections();
      server.close();
      await storage.close();
      rmSync(dataDir, { recursive: true });
    },
  };
}
