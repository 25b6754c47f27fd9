/**
 * Container: one of the engine's, as a walled process with a channel.
 *
 *     engine ─ its monitor ─ init (pid 1 inside, a shell that reaps) ─ the agent
 */

import { readFileSync } from 'node:fs';
import { Fault } from '../../../core/faults.ts';
import { oneLine } from '../../../lib/printable.ts';
import { identify, onlyChild } from '../../../walls/process-tree.ts';
import type { ProcessIdentity } from '../../../walls/process-tree.ts';
import type { ContainerProcess } from '../engine.ts';
import type { ChannelFolder } from './channel.ts';
import { record, text } from './daemon.ts';
import type { Daemon } from './daemon.ts';
import { removeContainer } from './leftovers.ts';
import { readOutput } from './output.ts';
import type { Output } from './output.ts';
import { RunningContainer } from './running-container.ts';

/** From the order to the agent's connection. */
const START_DEADLINE_MS = 30_000;
/** What it wrote until then, for the reason of a failure. */
const KEPT_OUTPUT_BYTES = 2048;

export interface ContainerParts {
  readonly daemon: Daemon;
  /** The body of the order to create it. */
  readonly spec: object;
  readonly name: string;
  readonly channel: ChannelFolder;
  /** When it is gone: for what is not the engine's. */
  onGone(): void;
}

/** Rejects with a Fault, or with the engine's {@link DaemonRefusal}; then nothing is left of it. */
export async function startContainer(parts: ContainerParts): Promise<ContainerProcess> {
  let id: string;
  try {
    id = await create(parts);
  } catch (error) {
    leave(parts);
    throw error;
  }
  let output: Output | null = null;
  try {
    output = readOutput(await parts.daemon.upgrade(`/containers/${id}/attach?stream=1&stdout=1&stderr=1`));
    await parts.daemon.call({ method: 'POST', path: `/containers/${id}/start` });
    return await meet(parts, id, output);
  } catch (error) {
    output?.close();
    await removeContainer(parts.daemon, id).catch(() => undefined);
    leave(parts);
    throw error;
  }
}

async function create({ daemon, spec, name }: ContainerParts): Promise<string> {
  const request = { method: 'POST', path: '/containers/create', query: { name }, body: spec } as const;
  const id = text(record(await daemon.call(request))['Id']);
  if (!/^[0-9a-f]{12,64}$/.test(id)) throw new Fault('TIER_UNAVAILABLE', 'The container engine named no container');
  return id;
}

function leave({ channel, onGone }: ContainerParts): void {
  channel.remove();
  onGone();
}

/** Its process, and the agent's connection: both, or the reason. */
async function meet(parts: ContainerParts, id: string, output: Output): Promise<ContainerProcess> {
  const { promise: never, reject } = Promise.withResolvers<never>();
  const kept = keepHead(output);
  const stop = new AbortController();
  const fail = (reason: string): void => {
    stop.abort();
    const said = kept.text();
    reject(new Fault('INTERNAL', `A container ${reason}.${said === '' ? '' : ` It said: ${said}`}`));
  };
  const timer = setTimeout(() => fail(`was not ready within ${START_DEADLINE_MS / 1000} s`), START_DEADLINE_MS);
  // What it said last is on its way still.
  void output.ended.then(() => setImmediate(fail, 'ended before its agent was there'));
  try {
    const both = Promise.all([findProcess(parts.daemon, id, stop.signal), parts.channel.connected]);
    both.catch(() => undefined);
    const [{ init, agent }, channel] = await Promise.race([both, never]);
    return new RunningContainer({ parts, id, output, init, agent, channel });
  } finally {
    clearTimeout(timer);
    kept.giveBack();
  }
}

async function findProcess(
  daemon: Daemon,
  id: string,
  signal: AbortSignal,
): Promise<{ readonly init: ProcessIdentity; readonly agent: ProcessIdentity }> {
  const state = record(record(await daemon.call({ method: 'GET', path: `/containers/${id}/json` }))['State']);
  const pid = Number(state['Pid']);
  const init = Number.isSafeInteger(pid) && pid > 1 ? identify(pid) : null;
  // A number of another namespace may be somebody else's here.
  if (init === null || !isOf(pid, id))
    throw new Fault(
      'TIER_UNAVAILABLE',
      'The processes of the container engine are not to be seen here: it runs in another pid namespace, or has ended them',
    );
  const agent = await onlyChild(init, signal);
  if (agent === null) throw new Fault('INTERNAL', 'The agent of a container has ended');
  return { init, agent };
}

/** By its cgroups, which engines name after the container; where they are hidden, by its namespace. */
function isOf(pid: number, id: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'latin1').includes(id) || isFirstOfNamespace(pid);
  } catch {
    return false;
  }
}

function isFirstOfNamespace(pid: number): boolean {
  return /^NSpid:(?:\t\d+)+\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
}

/** What came until now, for a reason; then all of it is given back to whoever reads next. */
function keepHead({ stdout, stderr }: Output): { text(): string; giveBack(): void } {
  const kept = [stdout, stderr].map((stream) => {
    const chunks: Buffer[] = [];
    const keep = (chunk: Buffer): void => void chunks.push(chunk);
    stream.on('data', keep);
    return { stream, chunks, keep };
  });
  return {
    text: () =>
      oneLine(
        Buffer.concat(kept.flatMap(({ chunks }) => chunks))
          .toString('utf8', 0, KEPT_OUTPUT_BYTES)
          .trim(),
      ),
    giveBack() {
      for (const { stream, chunks, keep } of kept) {
        stream.off('data', keep);
        stream.pause();
        if (chunks.length > 0 && !stream.readableEnded) stream.unshift(Buffer.concat(chunks));
      }
    },
  };
}
