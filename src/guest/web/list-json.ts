/** A list as JSON. `JSON.stringify` of the list itself would call a `toJSON` that user code put on `Array.prototype`. */

import { stringify } from './primordials.ts';

export function listJson(list: readonly (string | number | null)[]): string {
  let text = '[';
  for (let i = 0; i < list.length; i++) text += i === 0 ? stringify(list[i]) : `,${stringify(list[i])}`;
  return `${text}]`;
}
