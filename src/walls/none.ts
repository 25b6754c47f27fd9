/**
 * No wall at all, for an operator who said `--unsafe-no-os-sandbox`: the same process and the same paths below /cordon,
 * laid out in a temporary folder, with everything of the host in reach.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Wall, WalledCommand, WalledProcess } from './wall.ts';

const INSIDE = '/cordon/';

export function createNoWall(nodePath: string): Wall {
  return { name: 'none', guarantees: [], limits: [], start: (command) => start(nodePath, command) };
}

async function start(nodePath: string, command: WalledCommand): Promise<WalledProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-no-wall-'));
  const moved = (path: string): string => (path.startsWith(INSIDE) ? join(folder, path.slice(INSIDE.length)) : path);
  const forget = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await layOut(command, folder, moved);
    const script = join(folder, basename(command.script));
    const child = spawn(nodePath, [...command.nodeFlags, script, ...command.args.map(moved)], {
      env: command.env,
      // The leader of a group, by which all that it starts can be ended.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    await once(child, 'spawn');
    const pid = child.pid as number;
    const exited = ended.then(async ([code, signal]) => {
      killGroup(pid);
      await forget();
      return { code, signal };
    });
    return {
      pid,
      channel: child.stdio[3] as Socket,
      stdout: child.stdout as Readable,
      stderr: child.stderr as Readable,
      exited,
      async kill() {
        if (child.exitCode === null && child.signalCode === null) killGroup(pid);
        await exited;
      },
      usage: () => null,
      limit: () => false,
    };
  } catch (error) {
    await forget();
    throw error;
  }
}

/** The script is copied, as node looks for modules beside the file that a link leads to. */
async function layOut(command: WalledCommand, folder: string, moved: (path: string) => string): Promise<void> {
  await copyFile(command.script, join(folder, basename(command.script)));
  for (const { host, inside = host } of command.files) {
    const path = moved(inside);
    if (path === host) continue;
    if (!inside.startsWith(INSIDE))
      throw new Error(`Without a wall a file can be shown as itself or below ${INSIDE}, not as ${inside}`);
    await mkdir(dirname(path), { recursive: true });
    await symlink(host, path);
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
