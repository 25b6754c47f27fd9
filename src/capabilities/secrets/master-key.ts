/**
 * Master key: the one key that is not in the database. It wraps data keys, which seal secrets.
 *
 * It comes from the environment or from a file outside of the data directory, so that whoever gets a copy of the data
 * directory or of the database has no secret. A program may bring a {@link KeyWrapper} of its own in its place.
 */

import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, realpathSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { StartError } from '../../core/start-error.ts';
import { KEY_BYTES } from '../../lib/key-bytes.ts';
import { readKeyFile } from './key-file.ts';
import { keyIdOf, seal, unseal } from './seal.ts';

/** Wraps data keys of 32 bytes, as a key management service does. */
export interface KeyWrapper {
  /** Says which key it is: kept with what it wrapped, and never the key of another. */
  readonly id: string;
  wrap(dataKey: Uint8Array): Promise<Buffer>;
  /** Rejects where the bytes were not wrapped by this key. */
  unwrap(sealed: Uint8Array): Promise<Buffer>;
}

export interface MasterKey extends KeyWrapper {
  /** The file that holds it; null where the configuration gave it. */
  readonly path: string | null;
  /** Made by this call. */
  readonly created: boolean;
}

export interface MasterKeyOptions {
  /** 32 bytes; wins over the file. */
  readonly key: Buffer | null;
  /** Null: beside the data directory, and made where there is none. */
  readonly file: string | null;
  /** Absolute. */
  readonly dataDir: string;
}

/**
 * A file that was named must be there: a mistaken path must not quietly become a new key, which opens nothing. Throws a
 * {@link StartError}.
 */
export function loadMasterKey({ key, file, dataDir }: MasterKeyOptions): MasterKey {
  if (key !== null) return { ...keyWrapper(key), path: null, created: false };
  if (file === null) return ownKey(`${dataDir}.master-key`);
  refuseInside(dataDir, file);
  const found = readKeyFile(file);
  if (found !== null) return { ...keyWrapper(found), path: file, created: false };
  throw new StartError(
    `CORDON_MASTER_KEY_FILE is ${file}, but there is no such file: bring back the one that was there, or make one with "openssl rand -base64 32"`,
  );
}

/** The key of an earlier start, while what it wrapped is wrapped anew. Throws a {@link StartError}. */
export function loadPreviousMasterKey(file: string): KeyWrapper {
  const found = readKeyFile(file);
  if (found !== null) return keyWrapper(found);
  throw new StartError(`CORDON_PREVIOUS_MASTER_KEY_FILE is ${file}, but there is no such file`);
}

/** The local one of the {@link KeyWrapper}s. */
export function keyWrapper(key: Uint8Array): KeyWrapper {
  if (key.length !== KEY_BYTES) throw new StartError(`A master key has ${KEY_BYTES} bytes, not ${key.length}`);
  const id = keyIdOf('master key', key);
  const context = ['data key', id];
  return {
    id,
    wrap: async (dataKey) => seal(key, context, dataKey),
    unwrap: async (sealed) => unseal(key, context, sealed),
  };
}

function ownKey(path: string): MasterKey {
  const kept = readKeyFile(path);
  if (kept !== null) return { ...keyWrapper(kept), path, created: false };
  const created = writeOnce(path, randomBytes(KEY_BYTES));
  const key = readKeyFile(path);
  if (key === null) throw new StartError(`${path} went away while it was made: start again`);
  return { ...keyWrapper(key), path, created };
}

/** The file appears whole or not at all, and the first of two writers wins. */
function writeOnce(path: string, key: Uint8Array): boolean {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeSynced(draft, `${Buffer.from(key).toString('base64')}\n`);
    try {
      linkSync(draft, path);
    } finally {
      unlinkSync(draft);
    }
    syncFolder(dirname(path));
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    throw new StartError(
      `The master key can't be kept in ${path}: ${message}. Set CORDON_MASTER_KEY_FILE to a file that exists, outside of the data directory`,
    );
  }
}

function writeSynced(path: string, text: string): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Without it the name of the file may be lost with the power, after secrets were sealed by what it holds. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** A copy of the data directory must not hold the key to it. */
function refuseInside(dataDir: string, file: string): void {
  if (!`${real(dirname(file))}${sep}`.startsWith(`${real(dataDir)}${sep}`)) return;
  throw new StartError(
    `CORDON_MASTER_KEY_FILE is ${file}, but it must lie outside of the data directory: a copy of that would hold the key`,
  );
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
