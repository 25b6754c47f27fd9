/** Key file: a key of 32 bytes in a file that nobody else can read. */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { StartError } from '../../core/start-error.ts';
import { KEY_BYTES, keyBytes } from '../../lib/key-bytes.ts';

/** More than any of the forms that a key is written in. */
const MAX_BYTES = 256;

/** Raw, hex or base64. Null where there is no such file; throws a {@link StartError} for one that can't be used. */
export function readKeyFile(path: string): Buffer | null {
  let file: number;
  try {
    // Without waiting: a pipe that nobody writes to would hold the start up for ever.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new StartError(`The master key can't be read: ${message}`);
  }
  try {
    // The open file is looked at, so that it can't be another by the time it is read.
    requirePrivate(path, fstatSync(file));
    const bytes = Buffer.alloc(MAX_BYTES);
    return keyIn(path, bytes.subarray(0, readSync(file, bytes)));
  } finally {
    closeSync(file);
  }
}

function keyIn(path: string, bytes: Buffer): Buffer {
  const key = bytes.length === KEY_BYTES ? bytes : keyBytes(bytes.toString('latin1').trim());
  if (key !== undefined) return key;
  throw new StartError(
    `${path} does not hold a master key: it must be ${KEY_BYTES} bytes, as they are, in base64 or in hex`,
  );
}

function requirePrivate(path: string, { uid, mode, ...stats }: Stats): void {
  const self = process.geteuid?.();
  if ((mode & constants.S_IFMT) !== constants.S_IFREG)
    throw new StartError(`${path} must be a file that holds the master key`);
  if (stats.size > MAX_BYTES) throw new StartError(`${path} is too large to be a master key`);
  // Windows has neither owners nor modes.
  if (self === undefined) return;
  if (uid !== self && uid !== 0)
    throw new StartError(
      `${path} belongs to user ${uid}, who could change the master key: it must be Cordon's user (${self}) or root`,
    );
  // A file of root's (a mounted secret) can be read through its group only.
  const forbidden = uid === self ? 0o077 : 0o037;
  if ((mode & forbidden) === 0) return;
  const shown = (mode & 0o777).toString(8).padStart(3, '0');
  throw new StartError(`${path} can be read or written by others (mode ${shown}): set its mode to 600`);
}
