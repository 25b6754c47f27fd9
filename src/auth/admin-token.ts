/**
 * Admin token: the operator's credential, made at first start and kept in the data directory, where only the user that
 * Cordon runs as can read it.
 */

import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface AdminToken {
  readonly token: string;
  /** The file that holds it; null where the configuration gave it. */
  readonly path: string | null;
  /** Made by this call. */
  readonly created: boolean;
}

/** A configured token wins over the file, and then no file is made. */
export function loadAdminToken(dataDir: string, configured: string | null): AdminToken {
  if (configured !== null) return { token: configured, path: null, created: false };
  const path = adminTokenPath(dataDir);
  const kept = readAdminToken(dataDir);
  if (kept !== null) return { token: kept, path, created: false };
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const created = writeOnce(path, randomBytes(32).toString('base64url'));
  return { token: readAdminToken(dataDir) ?? fail(path), path, created };
}

/** The token that a server on this data directory made; null before its first start. Throws when it can't be read. */
export function readAdminToken(dataDir: string): string | null {
  const path = adminTokenPath(dataDir);
  try {
    const token = readFileSync(path, 'utf8').trim();
    return /^[\x21-\x7e]{16,512}$/.test(token) ? token : fail(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

const adminTokenPath = (dataDir: string): string => join(dataDir, 'admin-token');

/** The file appears whole or not at all, and the first of two writers wins. */
function writeOnce(path: string, token: string): boolean {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const file = openSync(draft, 'wx', 0o600);
  try {
    writeSync(file, `${token}\n`);
    fsyncSync(file);
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    closeSync(file);
    unlinkSync(draft);
  }
}

function fail(path: string): never {
  throw new Error(`${path} does not hold a token of at least 16 characters: remove it to have a new one made`);
}
