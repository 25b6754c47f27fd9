/** Event pattern: which channels a function listens to. A channel is segments with `:` between them, `items:posts:created`. */

import { Fault } from './faults.ts';

const MAX_CHARS = 256;
const MAX_SEGMENTS = 16;
const SEGMENT = /^[A-Za-z0-9_.-]+$/;

/** Completes "expected …". */
const CHANNEL_EXPECTED = `1 to ${MAX_SEGMENTS} segments of letters, digits, _, . and - with : between them, at most ${MAX_CHARS} characters, as in items:posts:created`;
export const EVENT_PATTERN_EXPECTED =
  'segments with : between them, each * (one segment) or letters, digits, _, . and -, and ** (the rest) at most as the last, as in items:posts:* or items:**';

/** Throws BAD_REQUEST. */
export function requireChannel(channel: string): string {
  if (isList(channel, (segment) => SEGMENT.test(segment))) return channel;
  throw new Fault(
    'BAD_REQUEST',
    `channel: expected ${CHANNEL_EXPECTED}, but it is ${JSON.stringify(channel.slice(0, 120))}`,
  );
}

export function isEventPattern(pattern: string): boolean {
  return isList(pattern, (segment, isLast) => segment === '*' || (segment === '**' && isLast) || SEGMENT.test(segment));
}

function isList(text: string, isSegment: (segment: string, isLast: boolean) => boolean): boolean {
  if (text.length > MAX_CHARS) return false;
  const segments = text.split(':');
  return (
    segments.length <= MAX_SEGMENTS && segments.every((segment, i) => isSegment(segment, i === segments.length - 1))
  );
}
