/** The files by which cgroups are read and written: small texts, of one value or of `name value` lines. */

import { mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const REMOVE_TRIES = 60;
const REMOVE_STEP_MS = 5;

const write = (path: string, value: string | number): void => writeFileSync(path, String(value));

export function canWrite(path: string, value: string | number): boolean {
  try {
    write(path, value);
    return true;
  } catch {
    return false;
  }
}

/** Null when there is no such file, or the cgroup is gone. */
export function read(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null;
  }
}

/** The value of a `name value` line; null when it isn't there. */
export function field(text: string | null, name: string): number | null {
  if (text === null) return null;
  const at = text.startsWith(`${name} `) ? 0 : text.indexOf(`\n${name} `) + 1;
  if (at === 0 && !text.startsWith(`${name} `)) return null;
  const value = Number.parseInt(text.slice(at + name.length + 1), 10);
  return Number.isNaN(value) ? null : value;
}

export function number(text: string | null): number | null {
  const value = Number.parseInt(text ?? '', 10);
  return Number.isNaN(value) ? null : value;
}

export const make = (folder: string): void => void mkdirSync(folder, { recursive: true });

/** The kernel refuses while a process in it is still on its way out. What stays is swept by the next host. */
export async function removeFolders(folders: readonly string[]): Promise<void> {
  for (let tries = 0; tries < REMOVE_TRIES; tries++) {
    if (folders.filter((folder) => !isRemoved(folder)).length === 0) return;
    await delay(REMOVE_STEP_MS);
  }
}

/** False where something is still in it, or it is not ours to remove. */
export function isRemoved(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

export function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

export function killListed(procs: string): void {
  for (const pid of (read(procs) ?? '').split('\n').filter(Boolean).map(Number)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It is gone.
    }
  }
}
