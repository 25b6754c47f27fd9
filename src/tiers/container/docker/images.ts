/** Images: one for each runtime, built once by the engine from its {@link Template}; older ones of ours are removed. */

import { Readable } from 'node:stream';
import { Fault } from '../../../core/faults.ts';
import { oneLine } from '../../../lib/printable.ts';
import { DaemonRefusal, record, text } from './daemon.ts';
import type { Daemon } from './daemon.ts';
import { LABEL } from './labels.ts';
import { tarOf } from './tar.ts';
import { buildContext } from './templates.ts';
import type { BuildContext, Template } from './templates.ts';

/** A base image may have to come over the network first. */
const BUILD_DEADLINE_MS = 10 * 60_000;
const MAX_LISTED = 1000;
const MAX_REASON_CHARS = 500;
const ID = /^(?:sha256:)?[0-9a-f]{64}$/;

/** Resolves to the image's id. Rejects with a Fault, or the engine's refusal. */
export async function ensureImage(daemon: Daemon, template: Template): Promise<string> {
  const context = await buildContext(template);
  const found = await idOf(daemon, context);
  if (found !== null) return found;
  await build(daemon, template, context);
  const id = await idOf(daemon, context);
  if (id === null)
    throw new Fault('TIER_UNAVAILABLE', `The container engine built ${context.tag}, and does not have it`);
  await prune(daemon, template, context).catch(() => undefined);
  return id;
}

/** By its label as well: a tag is only a name. */
async function idOf(daemon: Daemon, { tag, hash }: BuildContext): Promise<string | null> {
  try {
    const image = record(await daemon.call({ method: 'GET', path: `/images/${tag}/json` }));
    const labels = record(record(image['Config'])['Labels']);
    const id = text(image['Id']);
    return labels[LABEL.template] === hash && ID.test(id) ? id : null;
  } catch (error) {
    if (error instanceof DaemonRefusal && error.status === 404) return null;
    throw error;
  }
}

async function build(daemon: Daemon, { runtime }: Template, { tag, hash, entries }: BuildContext): Promise<void> {
  let failure: string | null = null;
  await daemon.lines(
    {
      method: 'POST',
      path: '/build',
      query: {
        t: tag,
        rm: 'true',
        forcerm: 'true',
        // Podman's: without images of the steps between.
        layers: 'false',
        networkmode: 'none',
        labels: JSON.stringify({ [LABEL.template]: hash, [LABEL.runtime]: runtime }),
      },
      tar: Readable.from(tarOf(entries), { objectMode: false }),
      deadlineMs: BUILD_DEADLINE_MS,
    },
    (line) => {
      failure ??= text(record(line)['error']) || null;
    },
  );
  if (failure !== null)
    throw new Fault(
      'TIER_UNAVAILABLE',
      `The image ${tag} could not be built: ${oneLine(failure).slice(0, MAX_REASON_CHARS)}`,
    );
}

/** Those of this runtime that nobody uses. Another Cordon that needed one builds it again. */
async function prune(daemon: Daemon, { runtime }: Template, { hash }: BuildContext): Promise<void> {
  const filters = JSON.stringify({ label: [LABEL.template, `${LABEL.runtime}=${runtime}`] });
  const listed = await daemon.call({ method: 'GET', path: '/images/json', query: { filters } });
  for (const image of (Array.isArray(listed) ? listed : []).slice(0, MAX_LISTED)) {
    const { Id: id, Labels: labels } = record(image);
    if (record(labels)[LABEL.template] === hash || !ID.test(text(id))) continue;
    await daemon.call({ method: 'DELETE', path: `/images/${text(id)}` }).catch(() => undefined);
  }
}
