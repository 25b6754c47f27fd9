/** TLS: the certificate of a listener, read again when its files change, so that a renewal needs no restart. */

import { readFileSync, statSync } from 'node:fs';
import type { Server as NetServer } from 'node:net';
import { createSecureContext, Server } from 'node:tls';
import { StartError } from '../core/start-error.ts';

/** PEM files. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface TlsWatchOptions {
  readonly files: TlsFiles;
  /** Those that speak no TLS are left alone. */
  readonly servers: readonly NetServer[];
  /** A line for the operator. */
  report(line: string): void;
  readonly intervalMs?: number;
}

export interface TlsWatch {
  /** Reads the files now, whether they have changed or not; false where the old certificate stays. */
  reload(): boolean;
  close(): void;
}

const INTERVAL_MS = 10_000;

/** Throws StartError where the files can't be read or do not belong together. */
export function readTls({ certFile, keyFile }: TlsFiles): TlsMaterial {
  const material = { cert: readPem(certFile), key: readPem(keyFile) };
  try {
    createSecureContext(material);
  } catch (error) {
    throw new StartError(
      `${certFile} and ${keyFile} are not a certificate and its private key: ${(error as Error).message}`,
    );
  }
  return material;
}

/**
 * Looks at the files from time to time, not at events of the file system: those don't come from a mounted secret, where a
 * link is swapped. Files that can't be used, as while one of the two is written, are tried again.
 */
export function watchTls({ files, servers, report, intervalMs = INTERVAL_MS }: TlsWatchOptions): TlsWatch {
  let seen = stampOf(files);
  let complained = false;

  function reload(): boolean {
    const stamp = stampOf(files);
    try {
      const material = readTls(files);
      for (const server of servers) if (server instanceof Server) server.setSecureContext(material);
      seen = stamp;
      complained = false;
      report(`The certificate was read again from ${files.certFile}`);
      return true;
    } catch (error) {
      if (!complained) report(`The old certificate stays: ${(error as Error).message}`);
      complained = true;
      return false;
    }
  }

  const timer = setInterval(() => {
    if (stampOf(files) !== seen) reload();
  }, intervalMs).unref();
  return { reload, close: () => clearInterval(timer) };
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new StartError(`${file} can't be read: ${(error as Error).message}`);
  }
}

/** Changes whenever one of the files does. */
function stampOf({ certFile, keyFile }: TlsFiles): string {
  return [certFile, keyFile]
    .map((file) => {
      const stat = statSync(file, { throwIfNoEntry: false });
      return stat === undefined ? 'none' : `${stat.ino}:${stat.mtimeMs}:${stat.size}`;
    })
    .join(' ');
}
