/** Problem: a refusal as the body of a response, in the form of RFC 9457. */

import type { CapabilityRefusal } from '../core/capability.ts';

/** The headers of such a response. Name, value, name, value … */
export const REFUSAL_HEADERS: readonly string[] = [
  'content-type',
  'application/problem+json',
  'cache-control',
  'no-store',
];

export const problemOf = ({ code, message, details }: CapabilityRefusal, status: number): object => ({
  type: 'about:blank',
  title: code === 'EGRESS_BLOCKED' ? 'The outbound request is not allowed' : 'The outbound request failed',
  status,
  code,
  detail: message,
  ...details,
});
