/** node:assert/strict. */

import assert, * as all from './assert.ts';

export {
  AssertionError,
  deepStrictEqual as deepEqual,
  deepStrictEqual,
  doesNotMatch,
  doesNotReject,
  doesNotThrow,
  fail,
  ifError,
  match,
  notDeepStrictEqual as notDeepEqual,
  notDeepStrictEqual,
  notStrictEqual as notEqual,
  notStrictEqual,
  ok,
  rejects,
  strictEqual as equal,
  strictEqual,
  throws,
} from './assert.ts';

export const strict: typeof assert = all.strict;
export default strict;
