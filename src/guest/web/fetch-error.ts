/** What a refused fetch() rejects with. */

import type { AskRefusal } from './host.ts';
import { hide, keysOf, put, TypeError } from './primordials.ts';

/** A TypeError that says why, with the code as its own and as its cause's, beside the details. */
export function fetchError({ code, message, details }: AskRefusal): TypeError {
  const error = new TypeError(`fetch failed: ${message}`);
  const cause = {};
  put(cause, 'code', code);
  const names = details === undefined ? [] : keysOf(details);
  for (let i = 0; i < names.length; i++) put(cause, names[i] as string, details?.[names[i] as string]);
  if (code === 'EGRESS_BLOCKED') put(cause, 'status', BLOCKED_STATUS);
  hide(error, 'cause', cause);
  hide(error, 'code', code);
  if (code === 'EGRESS_BLOCKED') hide(error, 'status', BLOCKED_STATUS);
  return error;
}

/** The status that the refusal has as a response. */
const BLOCKED_STATUS = 452;
