/**
 * Cloud events: what an HTTP request says in the words of CloudEvents 1.0: structured, as a batch, or binary.
 *
 * The package `cloudevents` is not used for it: it loses data that is 0, false or "", gives an event without an id one that
 * changes with each try, takes any specversion, does not undo the %-encoding of headers, and answers hostile bodies with a
 * TypeError. Tests use it as the sender.
 */

import { z } from '@hono/zod-openapi';
import type { NewEvent } from '../core/event.ts';
import { Fault } from '../core/faults.ts';
import { issuesOf } from './issues.ts';

export type ReceivedEvent = Omit<NewEvent, 'tenant'>;

const MAX_BATCH = 1_000;

const attribute = z.string().min(1, { error: 'expected a text that is not empty' });

/** Extension attributes mean nothing here. */
const eventSchema = z
  .looseObject({
    specversion: z.literal('1.0'),
    id: attribute,
    source: attribute,
    type: attribute,
    subject: attribute.optional(),
    data: z.unknown().optional(),
    data_base64: z.base64({ error: 'expected base64' }).optional(),
  })
  .refine((event) => event.data === undefined || event.data_base64 === undefined, {
    error: 'expected data or data_base64, not both',
  });

type Attributes = Pick<z.output<typeof eventSchema>, 'id' | 'source' | 'type' | 'subject'>;

/** Whether the content type says so. */
export const isStructured = (type: string): boolean => /^application\/cloudevents\+json *(?:;|$)/i.test(type);
export const isBatch = (type: string): boolean => /^application\/cloudevents-batch\+json *(?:;|$)/i.test(type);

/** Throws BAD_REQUEST. */
export function structuredEvent(json: unknown): ReceivedEvent {
  const parsed = eventSchema.safeParse(json);
  if (!parsed.success) throw refused(issuesOf(parsed.error, json));
  const { data, data_base64: base64 = null } = parsed.data;
  return received(parsed.data, base64 === null ? (data ?? null) : { base64 });
}

/** All of them are valid, or none is published. Throws BAD_REQUEST. */
export function batchOfEvents(json: unknown): ReceivedEvent[] {
  if (!Array.isArray(json) || json.length > MAX_BATCH)
    throw refused([`the body: expected an array of at most ${MAX_BATCH} events`]);
  return json.map((one: unknown, i) => {
    try {
      return structuredEvent(one);
    } catch (error) {
      throw error instanceof Fault ? new Fault(error.code, `event ${i}: ${error.message}`, error.details) : error;
    }
  });
}

/** The data is the body: JSON, or (for a text) what it says. Throws BAD_REQUEST. */
export function binaryEvent(header: (name: string) => string | undefined, body: string): ReceivedEvent {
  const attributes = Object.fromEntries(
    ['specversion', 'id', 'source', 'type', 'subject'].flatMap((name) => {
      const value = header(`ce-${name}`);
      return value === undefined ? [] : [[name, decoded(name, value)]];
    }),
  );
  const parsed = eventSchema.safeParse(attributes);
  if (!parsed.success) throw refused(issuesOf(parsed.error, attributes).map((issue) => `ce-${issue}`));
  return received(parsed.data, dataOf(header('content-type') ?? '', body));
}

function received({ id, source, type, subject }: Attributes, data: unknown): ReceivedEvent {
  return { id, source, channel: type, data, ...(subject === undefined ? {} : { key: subject }) };
}

function dataOf(type: string, body: string): unknown {
  if (body === '') return null;
  if (/^text\//i.test(type)) return body;
  try {
    return JSON.parse(body) as unknown;
  } catch {
    throw refused(['the body: expected JSON, as its content type says']);
  }
}

/** CloudEvents, HTTP binding 3.1.3.2. */
function decoded(name: string, value: string): string {
  const text = value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value;
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused([`ce-${name}: expected %XX of UTF-8`]);
  }
}

function refused(issues: readonly string[]): Fault {
  return new Fault('BAD_REQUEST', `This is no CloudEvent: ${issues.join('; ')}`, { issues });
}
