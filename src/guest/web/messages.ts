/**
 * What every isolate has from the start, as user code sees it: the members of these classes are shown when the class is
 * first named, which most code does for one of them.
 */

import { Headers } from './headers.ts';
import { showInterface } from './interface.ts';
import { Request } from './request.ts';
import { Response } from './response.ts';

export function headersInterface(): object {
  showInterface(Headers);
  return { Headers };
}

export function requestInterface(): object {
  showInterface(Request);
  return { Request };
}

export function responseInterface(): object {
  showInterface(Response);
  return { Response };
}
