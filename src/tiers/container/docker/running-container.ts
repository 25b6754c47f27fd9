/**
 * RunningContainer: a container whose agent is there. The engine tells of its end by ending the stream of its output; what
 * the channel and the kernel say comes sooner, and is believed.
 */

import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cgroup } from '../../../walls/cgroup/cgroup.ts';
import { foreignCgroup } from '../../../walls/cgroup/foreign.ts';
import { throughShells } from '../../../walls/launch.ts';
import { isAlive, killProcess, untilGone } from '../../../walls/process-tree.ts';
import type { ProcessIdentity } from '../../../walls/process-tree.ts';
import type { ProcessExit, ProcessLimits, ProcessUsage } from '../../../walls/wall.ts';
import type { ContainerProcess } from '../engine.ts';
import type { ContainerParts } from './container.ts';
import { limitsSpec } from './container-spec.ts';
import { record } from './daemon.ts';
import { removeContainer, removeEnded } from './leftovers.ts';
import type { Output } from './output.ts';

const SIGKILL_CODE = 128 + 9;
/** Calls wait to hear that it is gone: how it ended is worth no more than this. */
const EXIT_DEADLINE_MS = 300;
const EXIT_POLL_MS = 15;
/** From a SIGKILL of the host's to the end, where that was not in vain. */
const KILL_MS = 500;
/** The engine no longer runs it, and the kernel is still at it. */
const GONE_DEADLINE_MS = 10_000;

export interface Running {
  readonly parts: ContainerParts;
  readonly id: string;
  readonly output: Output;
  readonly init: ProcessIdentity;
  readonly agent: ProcessIdentity;
  readonly channel: Socket;
}

export class RunningContainer implements ContainerProcess {
  readonly pid: number;
  readonly channel: Socket;
  readonly stdout: Output['stdout'];
  readonly stderr: Output['stderr'];
  readonly exited: Promise<ProcessExit>;
  readonly #running: Running;
  readonly #cgroup: Cgroup | null;
  #killed = false;
  #paused = false;
  #oomKills: number | null = null;
  #ending: Promise<ProcessExit> | null = null;
  #removed: Promise<void> = Promise.resolve();

  constructor(running: Running) {
    const { id, init, agent, channel, output } = running;
    this.#running = running;
    this.#cgroup = foreignCgroup(init.pid, id);
    this.pid = agent.pid;
    this.channel = channel;
    this.stdout = output.stdout;
    this.stderr = output.stderr;
    // The engine takes its time to tell; whoever waits for an answer of it should not.
    const silent = untilClosed(channel).then(() => {
      // Its cgroup stays for a moment longer than it does, and knows why it died.
      this.#countOomKills();
      if (this.#isOom()) tryKill(init);
      return untilGone(init);
    });
    this.exited = Promise.race([output.ended, silent]).then(() => this.#end());
  }

  async pause(): Promise<void> {
    await this.#call('pause');
    this.#paused = true;
  }

  async resume(): Promise<void> {
    await this.#call('unpause');
    this.#paused = false;
  }

  async kill(): Promise<void> {
    this.#killed ||= isAlive(this.#running.agent);
    await this.#end();
    await this.#removed;
  }

  isConfined(): boolean {
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, 'latin1');
      return /^Seccomp:\s*2$/m.test(status) && /^NoNewPrivs:\s*1$/m.test(status);
    } catch {
      return false;
    }
  }

  usage(): ProcessUsage | null {
    return this.#cgroup?.usage() ?? null;
  }

  /** Where the cgroup is not ours to write the engine is asked, which takes a while: until then watching has to help. */
  limit(limits: ProcessLimits): boolean {
    if (this.#cgroup?.limit(limits) === true) return true;
    void this.#call('update', limitsSpec(limits)).catch(() => undefined);
    return false;
  }

  #end(): Promise<ProcessExit> {
    return (this.#ending ??= this.#finish());
  }

  /** However it came to it: nothing of it runs after this. The engine's record of it goes a moment later. */
  async #finish(): Promise<ProcessExit> {
    const { init } = this.#running;
    this.#countOomKills();
    const isKnown = this.#killed || this.#isOom();
    const state = isKnown ? null : await this.#lastState();
    const mayKill = tryKill(init);
    if (this.#paused) await this.#call('unpause').catch(() => undefined);
    const outOfMemory = this.#isOutOfMemory(state);
    if (mayKill) await untilGoneOrLate(init, KILL_MS);
    this.#removed = this.#remove();
    // Where the kill above was not ours to do, the removal does it.
    if (isAlive(init)) await this.#removed;
    const code = Number.isSafeInteger(state?.['ExitCode']) ? Number(state?.['ExitCode']) : null;
    const exit = isKnown ? KILLED : throughShells({ code, signal: null });
    return outOfMemory ? { ...exit, outOfMemory } : exit;
  }

  async #remove(): Promise<void> {
    const { parts, id, output, init, channel } = this.#running;
    // To be asked to kill what is dead already takes an engine longer than all the rest.
    const remove = isAlive(init) ? removeContainer : removeEnded;
    await remove(parts.daemon, id).catch(() => undefined);
    await untilGoneOrLate(init, GONE_DEADLINE_MS);
    output.close();
    channel.destroy();
    parts.channel.remove();
    parts.onGone();
  }

  /** As the engine tells it; null where it is slow, or gone, and says nothing of it in time. */
  async #lastState(): Promise<Readonly<Record<string, unknown>> | null> {
    const { parts, id } = this.#running;
    const signal = AbortSignal.timeout(EXIT_DEADLINE_MS);
    try {
      while (!signal.aborted) {
        const request = { method: 'GET', path: `/containers/${id}/json`, deadlineMs: EXIT_DEADLINE_MS } as const;
        const state = record(record(await parts.daemon.call(request))['State']);
        if (state['Running'] === false) return state;
        await delay(EXIT_POLL_MS);
      }
    } catch {
      // It says no more.
    }
    return null;
  }

  /** By the kernel's count; where that was not to be had in time, by the engine's word, and by the signal. */
  #isOutOfMemory(state: Readonly<Record<string, unknown>> | null): boolean {
    if (this.#oomKills !== null) return this.#isOom();
    return state !== null && (state['OOMKilled'] === true || state['ExitCode'] === SIGKILL_CODE);
  }

  #isOom(): boolean {
    return (this.#oomKills ?? 0) > 0;
  }

  #countOomKills(): void {
    this.#oomKills = this.usage()?.oomKills ?? this.#oomKills;
  }

  #call(verb: 'pause' | 'unpause' | 'update', body?: object): Promise<unknown> {
    const { parts, id } = this.#running;
    const path = `/containers/${id}/${verb}`;
    return parts.daemon.call({ method: 'POST', path, ...(body && { body }) });
  }
}

const KILLED: ProcessExit = { code: null, signal: 'SIGKILL' };

/** Where the host is no more than an ordinary user, that is the engine's to do. */
function tryKill(process: ProcessIdentity): boolean {
  try {
    killProcess(process);
    return true;
  } catch {
    // EPERM: it is another user's.
    return false;
  }
}

/** Also by an error, which is told by others. */
const untilClosed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.once('close', () => resolve());
  });

async function untilGoneOrLate(process: ProcessIdentity, deadlineMs: number): Promise<void> {
  const late = new AbortController();
  await Promise.race([untilGone(process), delay(deadlineMs, null, { signal: late.signal })]);
  late.abort();
}
