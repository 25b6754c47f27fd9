/** A command's files laid out in a folder of the host, for walls that don't mount: at the same paths below /cordon. */

import { copyFile, mkdir, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { WalledCommand } from './wall.ts';

const INSIDE = '/cordon/';
const SCRATCH = '/tmp/';

export interface LaidOut {
  readonly script: string;
  readonly args: readonly string[];
}

/** The script is copied, as node looks for modules beside the file that a link leads to. */
export async function layOut(command: WalledCommand, folder: string): Promise<LaidOut> {
  const script = join(folder, basename(command.script));
  await copyFile(command.script, script);
  for (const { host, inside = host } of command.files) {
    if (inside === host) continue;
    if (!inside.startsWith(INSIDE))
      throw new Error(`Behind this wall a file can be shown as itself or below ${INSIDE}, not as ${inside}`);
    const path = join(folder, inside.slice(INSIDE.length));
    await mkdir(dirname(path), { recursive: true });
    await symlink(host, path);
  }
  return {
    script,
    args: command.args.map((arg) => (arg.startsWith(INSIDE) ? join(folder, arg.slice(INSIDE.length)) : arg)),
  };
}

/** An argument that names a place in the scratch folder, by where that folder is. */
export function inScratch(arg: string, command: WalledCommand, scratch: string): string {
  const isGiven = command.files.some(({ host }) => arg === host || arg.startsWith(`${host}/`));
  return arg.startsWith(SCRATCH) && !isGiven ? join(scratch, arg.slice(SCRATCH.length)) : arg;
}
