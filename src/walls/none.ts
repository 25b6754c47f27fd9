/**
 * No wall at all, for an operator who said `--unsafe-no-os-sandbox`: the same process and the same paths below /cordon,
 * laid out in a temporary folder, with everything of the host in reach.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { layOut } from './laid-out.ts';
import type { Wall, WalledCommand, WalledProcess } from './wall.ts';

export function createNoWall(nodePath: string): Wall {
  return { name: 'none', guarantees: [], limits: [], start: (command) => start(nodePath, command) };
}

async function start(nodePath: string, command: WalledCommand): Promise<WalledProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-no-wall-'));
  const forget = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const { script, args } = await layOut(command, folder, null);
    const child = spawn(nodePath, [...command.nodeFlags, script, ...args], {
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
      isConfined: () => true,
      usage: () => null,
      limit: () => false,
    };
  } catch (error) {
    await forget();
    throw error;
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
