/** Storage: whether what is acknowledged will be there after a crash, and whether there is room for more of it. */

import { existsSync } from 'node:fs';
import { open, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import type { Config } from '../../config.ts';
import { MB } from '../../core/limits.ts';
import type { Finding } from './finding.ts';

const LITTLE_MB = 1_024;
const TOO_LITTLE_MB = 64;
const CONNECT_MS = 5_000;
/** Of statfs(2): file systems that forget, and what happens to them. */
const FORGETFUL: ReadonlyMap<number, string> = new Map([
  [0x0102_1994, 'a tmpfs, which is gone when the machine restarts'],
  [0x8584_58f6, 'a ramfs, which is gone when the machine restarts'],
  [0x794c_7630, 'a layer of a container, which is gone with it'],
]);

export async function examineStorage(config: Config): Promise<Finding[]> {
  return [...(await dataDirectory(config)), await database(config), await masterKey(config)];
}

const base = (name: string): { readonly group: 'storage'; readonly name: string } => ({ group: 'storage', name });

async function dataDirectory({ dataDir }: Config): Promise<Finding[]> {
  const folder = existingFolder(dataDir);
  const { type, bavail, bsize } = await statfs(folder);
  const freeMb = Math.floor((bavail * bsize) / MB);
  const forgetful = FORGETFUL.get(type);
  const kept: Finding =
    forgetful === undefined
      ? {
          ...base('data directory'),
          health: 'ok',
          found: `${dataDir}${folder === dataDir ? '' : ' (made at first start)'}`,
        }
      : {
          ...base('data directory'),
          health: 'gap',
          found: `${dataDir} is on ${forgetful}`,
          cure: 'CORDON_DATA_DIR=/var/lib/cordon cordon serve',
        };
  const room = { ...base('free space'), found: `${freeMb} MB` };
  return [
    kept,
    freeMb < LITTLE_MB
      ? { ...room, health: freeMb < TOO_LITTLE_MB ? 'fatal' : 'gap', cure: 'CORDON_LOG_RETENTION_DAYS=1 cordon serve' }
      : { ...room, health: 'ok' },
    await writing(folder),
  ];
}

/** The nearest one that is there: the doctor makes none. */
function existingFolder(path: string): string {
  let folder = path;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** Writes, and waits until it is on the disk, as every deployment does. */
async function writing(folder: string): Promise<Finding> {
  const path = join(folder, `.cordon-doctor-${process.pid}`);
  try {
    const file = await open(path, 'wx', 0o600);
    const startedMs = performance.now();
    try {
      await file.write('x'.repeat(4096));
      await file.sync();
    } finally {
      await file.close();
    }
    const tookMs = performance.now() - startedMs;
    return { ...base('durable writes'), health: 'ok', found: `4 KB were on the disk after ${tookMs.toFixed(1)} ms` };
  } catch (error) {
    return {
      ...base('durable writes'),
      health: 'fatal',
      found: `${folder} can't be written: ${(error as Error).message}`,
      cure: `chown "$USER" ${folder}`,
    };
  } finally {
    await rm(path, { force: true });
  }
}

async function database({ databaseUrl, dataDir }: Config): Promise<Finding> {
  if (databaseUrl === null) return { ...base('database'), health: 'ok', found: `SQLite, in ${dataDir}` };
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ server_version: string }>('show server_version');
    return { ...base('database'), health: 'ok', found: `PostgreSQL ${rows[0]?.server_version ?? ''}` };
  } catch (error) {
    const { hostname, port } = new URL(databaseUrl);
    return {
      ...base('database'),
      health: 'fatal',
      found: `PostgreSQL does not answer: ${(error as Error).message}`,
      cure: `pg_isready -h ${hostname} -p ${port || '5432'}`,
    };
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The key lies apart from what it seals, and nobody else may read it. */
async function masterKey({ masterKey: key, masterKeyFile, dataDir }: Config): Promise<Finding> {
  const finding = base('master key');
  if (key !== null) return { ...finding, health: 'ok', found: 'in CORDON_MASTER_KEY' };
  const file = masterKeyFile ?? `${dataDir}.master-key`;
  if (file.startsWith(`${dataDir}/`))
    return {
      ...finding,
      health: 'gap',
      found: `${file} lies in the data directory: a copy of that is a copy of the key`,
      cure: `mv ${file} ${dataDir}.master-key`,
    };
  const mode = await stat(file).then(
    ({ mode: bits }) => bits & 0o077,
    () => null,
  );
  if (mode === null) return { ...finding, health: 'ok', found: `${file} (made at first start)` };
  if (mode !== 0)
    return { ...finding, health: 'gap', found: `others than its owner may read ${file}`, cure: `chmod 600 ${file}` };
  return { ...finding, health: 'ok', found: file };
}
