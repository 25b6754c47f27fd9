/** Temporary folders that a host which is killed leaves behind, and that the next one on the machine removes. */

import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identify, isAlive } from './process-tree.ts';

const swept = new Set<string>();

/** A new folder, open to this user alone, whose name says whose it is. */
export function makeTemporary(kind: string): string {
  if (!swept.has(kind)) sweep(kind);
  swept.add(kind);
  const ticks = identify(process.pid)?.startTicks ?? '0';
  return mkdtempSync(join(tmpdir(), `cordon-${kind}-${process.pid}-${ticks}-`));
}

function sweep(kind: string): void {
  const ofHost = new RegExp(`^cordon-${kind}-(\\d+)-(\\d+)-\\w+$`);
  for (const name of readdirSync(tmpdir())) {
    const [, pid, startTicks] = ofHost.exec(name) ?? [];
    if (pid === undefined || startTicks === undefined || isAlive({ pid: Number(pid), startTicks })) continue;
    const path = join(tmpdir(), name);
    try {
      // Anyone may put a folder of such a name here.
      if (lstatSync(path).uid === process.getuid?.()) rmSync(path, { recursive: true, force: true });
    } catch {
      // Another host has swept it meanwhile.
    }
  }
}
