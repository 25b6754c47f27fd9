/**
 * Two network namespaces joined by one cable: `inside` has the code under test and a default route, `outside` is all the
 * rest of the internet: whatever address is asked for, private or public, it answers. Nothing of either leaves the machine.
 */

import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const INSIDE_ADDRESS = '8.9.10.1';
export const INSIDE_ADDRESS_6 = '2600:9:10::1';
export const OUTSIDE_ADDRESS = '8.9.10.2';
const OUTSIDE_ADDRESS_6 = '2600:9:10::2';

const AS_ROOT = process.getuid?.() === 0;
/** An ordinary user is root of a user namespace of its own. */
const NEW_USER = AS_ROOT ? [] : ['--user', '--map-root-user'];
const SAME_USER = AS_ROOT ? [] : ['--user', '--preserve-credentials'];

/** Null where namespaces can be made, else why not. Root has no excuse: then the tests fail instead. */
export function whyNoNamespaces(): string | null {
  if (AS_ROOT) return null;
  try {
    execFileSync('unshare', [...NEW_USER, '--net', 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return `this user can't make a network namespace: ${(error as Error).message.split('\n')[0]}`;
  }
}

/** A child that answers questions. */
export interface Peer {
  ask<Answer>(question: unknown): Promise<Answer>;
}

export interface Namespaces {
  readonly inside: Peer;
  readonly outside: Peer;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a script in each. Both call {@link answerQuestions}. */
export async function startNamespaces(insideScript: URL, outsideScript: URL): Promise<Namespaces> {
  const children: ChildProcess[] = [];
  try {
    const inside = start('unshare', [...NEW_USER, '--net'], insideScript);
    children.push(inside);
    await once(inside, 'message');
    const enter = AS_ROOT ? [] : ['--target', String(inside.pid), ...SAME_USER, 'unshare'];
    const outside = start(AS_ROOT ? 'unshare' : 'nsenter', [...enter, '--net'], outsideScript);
    children.push(outside);
    await once(outside, 'message');
    connect(inside, outside);
    const peers = { inside: peerOf(inside), outside: peerOf(outside) };
    await peers.outside.ask({ kind: 'start' });
    await peers.inside.ask({ kind: 'start' });
    return { ...peers, [Symbol.asyncDispose]: () => end(children) };
  } catch (error) {
    await end(children);
    throw error;
  }
}

function start(command: string, args: readonly string[], script: URL): ChildProcess {
  return spawn(command, [...args, process.execPath, fileURLToPath(script)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  });
}

function connect(inside: ChildProcess, outside: ChildProcess): void {
  const ip = (child: ChildProcess, ...args: string[]): void => {
    execFileSync('nsenter', ['--target', String(child.pid), ...SAME_USER, '--net', 'ip', ...args], { stdio: 'pipe' });
  };
  ip(inside, 'link', 'add', 'out', 'type', 'veth', 'peer', 'name', 'in', 'netns', String(outside.pid));
  for (const [child, link, address4, address6] of [
    [inside, 'out', INSIDE_ADDRESS, INSIDE_ADDRESS_6],
    [outside, 'in', OUTSIDE_ADDRESS, OUTSIDE_ADDRESS_6],
  ] as const) {
    ip(child, 'link', 'set', 'lo', 'up');
    ip(child, 'addr', 'add', `${address4}/30`, 'dev', link);
    ip(child, '-6', 'addr', 'add', `${address6}/64`, 'dev', link, 'nodad');
    ip(child, 'link', 'set', link, 'up');
  }
  ip(inside, 'route', 'add', 'default', 'via', OUTSIDE_ADDRESS);
  ip(inside, '-6', 'route', 'add', 'default', 'via', OUTSIDE_ADDRESS_6);
  // Outside, every address is its own.
  ip(outside, 'route', 'add', 'local', 'default', 'dev', 'lo', 'table', 'main');
  ip(outside, '-6', 'route', 'add', 'local', 'default', 'dev', 'lo', 'table', 'main');
}

interface Message {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: string;
}

function peerOf(child: ChildProcess): Peer {
  const waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  let asked = 0;
  child.on('message', ({ id, answer, error }: Message) => {
    const waiter = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) waiter?.resolve(answer);
    else waiter?.reject(new Error(error));
  });
  child.once('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`the child ended with ${code}`));
  });
  return {
    ask: <Answer>(question: unknown) =>
      new Promise<Answer>((resolve, reject) => {
        const id = ++asked;
        waiting.set(id, { resolve: (answer) => resolve(answer as Answer), reject });
        child.send({ id, question });
      }),
  };
}

/** The child's side: answers each question that the parent asks. */
export function answerQuestions(answer: (question: never) => unknown): void {
  const reply = async (id: number, question: never): Promise<void> => {
    try {
      process.send?.({ id, answer: await answer(question) });
    } catch (error) {
      process.send?.({ id, error: (error as Error).stack });
    }
  };
  process.on('message', ({ id, question }: { id: number; question: never }) => void reply(id, question));
  process.once('disconnect', () => process.exit());
  process.send?.({ id: 0 });
}

async function end(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }),
  );
}
