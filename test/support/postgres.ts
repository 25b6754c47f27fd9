/**
 * A PostgreSQL of the tests' own: one private cluster a process, in a temporary folder, with a database for each caller.
 *
 * Where its programs are not installed there is none, and a test that needs it is skipped; `CORDON_TEST_REQUIRE_POSTGRES=1`
 * makes that a failure.
 */

import { execFile, execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';

export interface TestPostgres {
  /** Of an empty database. */
  readonly url: string;
  /** Removes the database; the cluster goes with the last one. */
  stop(): Promise<void>;
}

/** Why a test that needs PostgreSQL is skipped. */
export const NO_POSTGRES = 'PostgreSQL is not installed';

/** Null where its programs are missing. Whoever starts the cluster says whether it syncs: tests needn't, figures must. */
export async function startPostgres({
  fsync = false,
}: { readonly fsync?: boolean } = {}): Promise<TestPostgres | null> {
  const binaries = findBinaries();
  if (binaries === null) {
    if (process.env['CORDON_TEST_REQUIRE_POSTGRES'] === '1') throw new Error(`${NO_POSTGRES}, but it is required`);
    return null;
  }
  users += 1;
  try {
    running ??= startCluster(binaries, fsync);
    return await makeDatabase(await running);
  } catch (error) {
    await leave();
    throw error;
  }
}

interface Cluster {
  readonly port: number;
  stop(): void;
}

let running: Promise<Cluster> | undefined;
let users = 0;
let databases = 0;

async function makeDatabase({ port }: Cluster): Promise<TestPostgres> {
  databases += 1;
  const name = `test_${databases}`;
  const admin = `postgres://postgres@127.0.0.1:${port}/postgres`;
  await execute(admin, `create database ${name}`);
  return {
    url: `postgres://postgres@127.0.0.1:${port}/${name}`,
    async stop() {
      await execute(admin, `drop database ${name} with (force)`);
      await leave();
    },
  };
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}

async function leave(): Promise<void> {
  users -= 1;
  if (users > 0) return;
  const cluster = running;
  running = undefined;
  (await cluster)?.stop();
}

function findBinaries(): string | null {
  const folder = '/usr/lib/postgresql';
  const versions = existsSync(folder) ? readdirSync(folder) : [];
  const newestFirst = versions
    .map((version) => join(folder, version, 'bin'))
    .sort()
    .reverse();
  return newestFirst.find((bin) => existsSync(join(bin, 'initdb')) && existsSync(join(bin, 'postgres'))) ?? null;
}

async function startCluster(binaries: string, fsync: boolean): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-postgres-'));
  const data = join(folder, 'data');
  const prefix = asOrdinaryUser(folder);
  const run = async (program: string, given: readonly string[]): Promise<void> => {
    const [file, ...rest] = [...prefix, join(binaries, program), ...given];
    // Its own folder, because the caller's may be closed to that user.
    await promisify(execFile)(file!, rest, { cwd: folder });
  };
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    await run('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C.UTF-8']);
    const port = await freePort();
    const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${folder} -c fsync=${fsync ? 'on' : 'off'}`;
    await run('pg_ctl', ['-D', data, '-w', '-l', join(folder, 'log'), '-o', options, 'start']);
    const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
    return { port, stop: stopper(pid, [...prefix, join(binaries, 'pg_ctl')], data, remove) };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Also when the tests end without having stopped it. */
function stopper(pid: number, pgCtl: readonly string[], data: string, remove: () => void): () => void {
  const stop = (): void => {
    process.off('exit', stop);
    try {
      execFileSync(pgCtl[0]!, [...pgCtl.slice(1), '-D', data, '-m', 'immediate', '-w', 'stop'], {
        cwd: '/',
        stdio: 'ignore',
      });
    } catch {
      process.kill(pid, 'SIGKILL');
    }
    remove();
  };
  process.once('exit', stop);
  return stop;
}

/** PostgreSQL refuses to run as root. */
function asOrdinaryUser(folder: string): readonly string[] {
  if (process.getuid?.() !== 0) return [];
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' })));
  chownSync(folder, uid!, gid!);
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
}
