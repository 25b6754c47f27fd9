/** Runs a function of a test behind a wall and brings back what it returns. */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { selectWall } from '../../../src/walls/select.ts';
import type { Wall, WalledCommand, WalledProcess, WallName } from '../../../src/walls/wall.ts';

export const UID_RANGE = { first: 961_000, count: 1_000 };

/** Hosts that a test starts, and kills, write into the folder of that test, which removes it. */
export const FOLDER_VARIABLE = 'CORDON_WALL_TEST_FOLDER';
const FOLDER = process.env[FOLDER_VARIABLE] ?? makeFolder();
let counter = 0;

/** A file that every user may read, in a folder that goes with the test. */
export function writeFixture(name: string, content: string): string {
  const path = join(FOLDER, name);
  writeFileSync(path, content);
  chmodSync(path, 0o644);
  return path;
}

/** The wall of that name, or why it doesn't stand here. */
export async function wallNamed(name: WallName): Promise<Wall | string> {
  const { wall, probes } = await selectWall({ unsafeNoOsSandbox: name === 'none', force: name, uidRange: UID_RANGE });
  const probe = probes[0];
  return wall ?? (probe?.works === false ? `${probe.reason}. ${probe.cure}` : 'it was not tried');
}

export function commandFor(script: string, command: Partial<WalledCommand> = {}): WalledCommand {
  return { script, nodeFlags: [], args: [], files: [], scratchBytes: 0, env: {}, ...command };
}

/** `body` is sent as text: it sees node's globals, `require` and its argument, nothing of the test. */
export async function startGuest<T>(
  wall: Wall,
  body: (input: T) => unknown,
  input: T,
  command: Partial<WalledCommand> = {},
): Promise<WalledProcess> {
  const source = `
    const { writeSync } = require('node:fs');
    const say = (value) => writeSync(3, JSON.stringify(value ?? null) + '\\n');
    Promise.resolve()
      .then(() => (${body.toString()})(${JSON.stringify(input ?? null)}))
      .then((value) => say({ value }), (error) => say({ error: String(error.stack), code: error.code }));
    // Stays until it is told to end.
    new (require('node:net').Socket)({ fd: 3 }).resume().on('end', () => process.exit(0));`;
  return wall.start(commandFor(writeFixture(`guest-${process.pid}-${++counter}.cjs`, source), command));
}

/** The first line that the guest says, or its error. */
export async function answerOf(guest: WalledProcess): Promise<unknown> {
  let line = '';
  const stderr = text(guest.stderr);
  for await (const chunk of guest.channel.iterator({ destroyOnReturn: false })) {
    line += String(chunk);
    if (line.includes('\n')) break;
  }
  if (line === '') throw new Error(`The guest said nothing on its channel, but: ${await stderr}`);
  const answer = JSON.parse(line) as { value: unknown } | { error: string };
  if ('error' in answer) throw new Error(`The guest threw ${answer.error}`);
  return answer.value;
}

/** Starts a guest, waits for what it returns, and ends it. */
export async function ask<T>(
  wall: Wall,
  body: (input: T) => unknown,
  input: T,
  command: Partial<WalledCommand> = {},
): Promise<unknown> {
  const guest = await startGuest(wall, body, input, command);
  try {
    return await answerOf(guest);
  } finally {
    await guest.kill();
  }
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-wall-test-'));
  chmodSync(folder, 0o755);
  process.env[FOLDER_VARIABLE] = folder;
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
