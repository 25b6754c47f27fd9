/** Job request: the invocation by which a function gets an event or a tick. */

import type { EventPayload } from '../core/event.ts';
import type { FunctionVersion } from '../core/function.ts';
import { SYSTEM } from '../core/principal.ts';
import type { LeasedJob } from '../core/queue.ts';
import type { InvocationRequest } from '../core/whole-invocation.ts';
import { readCronPayload } from './cron-job.ts';
import { readEventPayload } from './event-job.ts';

/** The system's principal, bound to the one tenant. */
export function requestOfJob(job: LeasedJob, version: FunctionVersion): InvocationRequest {
  const { body, headers } = CONTENTS[job.kind](job);
  return {
    principal: { ...SYSTEM, tenant: job.tenant },
    cause: job.kind,
    method: 'POST',
    url: `http://localhost/fn/${job.functionName}`,
    headers: ['content-type', 'application/json', 'cordon-event-attempt', String(job.attempts), ...headers],
    body: Buffer.from(JSON.stringify(body)),
    reply: version.handler === 'script' ? 'value' : 'http',
    fresh: false,
  };
}

interface Contents {
  readonly body: unknown;
  readonly headers: readonly string[];
}

const CONTENTS: Readonly<Record<LeasedJob['kind'], (job: LeasedJob) => Contents>> = {
  event: eventContents,
  cron: ({ id, payload }) => {
    const { firedAt, pattern } = readCronPayload(payload);
    return { body: { firedAt, pattern }, headers: ['cordon-event-id', encoded(id)] };
  },
};

/** With the context attributes of CloudEvents, as its HTTP binding has them in headers. */
function eventContents({ tenant, key, payload }: LeasedJob): Contents {
  const { id, source, channel, hops, timeMs, data } = readEventPayload(payload);
  const attributes = {
    'ce-specversion': '1.0',
    'ce-id': id,
    'ce-source': source ?? `/tenants/${tenant}`,
    'ce-type': channel,
    'ce-time': new Date(timeMs).toISOString(),
    ...(key === null ? {} : { 'ce-subject': key }),
  };
  const headers = { 'cordon-event-id': id, 'cordon-event-hops': String(hops), ...attributes };
  const body: EventPayload = { event: channel, data };
  return { body, headers: Object.entries(headers).flatMap(([name, value]) => [name, encoded(value)]) };
}

/** CloudEvents, HTTP binding 3.1.3.2: blanks, quotes, % and what is not printable ASCII become %XX of UTF-8. */
function encoded(value: string): string {
  return value.replace(/[^\x21-\x7e]|["%]/gu, (character) =>
    Buffer.from(character, 'utf8').reduce(
      (text, byte) => `${text}%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
      '',
    ),
  );
}
