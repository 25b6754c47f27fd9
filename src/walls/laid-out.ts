/** A command's files laid out in a folder of the host, for walls that don't mount: at the same paths below /cordon. */

import { copyFile, mkdir, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { WalledCommand } from './wall.ts';

const INSIDE = '/cordon/';
const SCRATCH = '/tmp/';

export interface LaidOut {
  readonly script: string;
  readonly args: readonly string[];
}

/**
 * Files are copied: node looks for modules beside the file that a link leads to, and the guest's uid may not be let into
 * the folder that a file comes from. Folders are linked. `scratch` takes the place of /tmp in arguments; null for none.
 */
export async function layOut(command: WalledCommand, folder: string, scratch: string | null): Promise<LaidOut> {
  const script = join(folder, basename(command.script));
  await copyFile(command.script, script);
  for (const { host, inside = host } of command.files) {
    if (inside === host) continue;
    if (!inside.startsWith(INSIDE))
      throw new Error(`Behind this wall a file can be shown as itself or below ${INSIDE}, not as ${inside}`);
    const path = join(folder, inside.slice(INSIDE.length));
    await mkdir(dirname(path), { recursive: true });
    await ((await stat(host)).isDirectory() ? symlink(host, path) : copyFile(host, path));
  }
  return { script, args: command.args.map((arg) => moved(arg, command, folder, scratch)) };
}

/** An argument that names a place inside, by where that place is. */
function moved(arg: string, { files }: WalledCommand, folder: string, scratch: string | null): string {
  if (arg.startsWith(INSIDE)) return join(folder, arg.slice(INSIDE.length));
  const isGiven = files.some(({ host }) => arg === host || arg.startsWith(`${host}/`));
  return scratch !== null && arg.startsWith(SCRATCH) && !isGiven ? join(scratch, arg.slice(SCRATCH.length)) : arg;
}
