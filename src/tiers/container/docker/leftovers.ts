/** Leftovers: containers of hosts that have ended without removing them. Whoever starts next, or closes, removes them. */

import { DaemonRefusal, record, text } from './daemon.ts';
import type { Daemon } from './daemon.ts';
import { isLeftBehind, LABEL } from './labels.ts';
import type { Instance } from './labels.ts';

const MAX_LISTED = 10_000;
const AT_ONCE = 4;

/** With all that runs in it, whatever its state. One that is gone already is no error. */
export async function removeContainer(daemon: Daemon, id: string): Promise<void> {
  await forgiving(() => daemon.call({ method: 'POST', path: `/containers/${id}/kill`, query: { signal: 'KILL' } }));
  await removeEnded(daemon, id);
}

/** Where nothing of it runs any more. */
export async function removeEnded(daemon: Daemon, id: string): Promise<void> {
  const query = { force: 'true', v: 'true' };
  await forgiving(() => daemon.call({ method: 'DELETE', path: `/containers/${id}`, query }));
}

/** Resolves to how many there were. */
export async function removeLeftovers(daemon: Daemon, instance: Instance): Promise<number> {
  return removeWhere(daemon, LABEL.instance, (labels) => isLeftBehind(labels, instance));
}

/** What is this host's own and was not removed in its time. */
export async function removeOwn(daemon: Daemon, instance: Instance): Promise<number> {
  return removeWhere(daemon, `${LABEL.instance}=${instance.id}`, () => true);
}

async function removeWhere(
  daemon: Daemon,
  label: string,
  isWanted: (labels: Readonly<Record<string, unknown>>) => boolean,
): Promise<number> {
  const query = { all: 'true', filters: JSON.stringify({ label: [label] }) };
  const listed = await daemon.call({ method: 'GET', path: '/containers/json', query });
  const ids = (Array.isArray(listed) ? listed : [])
    .slice(0, MAX_LISTED)
    .map(record)
    .filter(({ Labels: labels }) => isWanted(record(labels)))
    .map(({ Id: id }) => text(id))
    .filter((id) => /^[0-9a-f]{12,64}$/.test(id));
  const left = [...ids];
  const work = async (): Promise<void> => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) await removeContainer(daemon, id);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return ids.length;
}

/** What isn't there, or not in that state, any more is no error. */
async function forgiving(call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof DaemonRefusal) || ![304, 404, 409, 500].includes(error.status)) throw error;
  }
}
