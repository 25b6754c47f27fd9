/**
 * Labels: how a host knows its own containers and images among those of others, and those of hosts that are no more.
 *
 * A pid says something on one machine, in one namespace, until the next boot; with these beside it, it names a process.
 */

import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { identify, isAlive } from '../../../walls/process-tree.ts';

export const LABEL = {
  /** Of whoever made it, and unique. */
  instance: 'cordon.instance',
  /** `<pid>-<start>` of that host. */
  host: 'cordon.host',
  boot: 'cordon.boot',
  pidNamespace: 'cordon.pid-namespace',
  runtime: 'cordon.runtime',
  /** Of images: the hash of all that they are made of. */
  template: 'cordon.template',
} as const;

export interface Instance {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function thisInstance(): Instance {
  const id = randomUUID();
  const ticks = identify(process.pid)?.startTicks ?? '0';
  return {
    id,
    labels: {
      [LABEL.instance]: id,
      [LABEL.host]: `${process.pid}-${ticks}`,
      [LABEL.boot]: bootId(),
      [LABEL.pidNamespace]: pidNamespace(),
    },
  };
}

/** Of another host, that has ended: certainly, by what its labels say. */
export function isLeftBehind(labels: Readonly<Record<string, unknown>>, instance: Instance): boolean {
  const [, pid, startTicks] = /^(\d{1,10})-(\d{1,20})$/.exec(String(labels[LABEL.host])) ?? [];
  if (pid === undefined || startTicks === undefined || labels[LABEL.instance] === instance.id) return false;
  const boot = labels[LABEL.boot];
  if (typeof boot === 'string' && boot !== '' && bootId() !== '' && boot !== bootId()) return true;
  // A pid of another namespace says nothing here.
  return labels[LABEL.pidNamespace] === pidNamespace() && !isAlive({ pid: Number(pid), startTicks });
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return '';
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
