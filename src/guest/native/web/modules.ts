/** What the handler's adapter loads when it needs it, where Node has it already. */

import { fetch } from '../fetch.ts';

const strict = new TextDecoder('utf-8', { fatal: true });
const lenient = new TextDecoder();

const encodings = {
  decodeUtf8: (bytes: Uint8Array): string => lenient.decode(bytes),
  /** Null if the bytes are not UTF-8. */
  decodeStrictUtf8(bytes: Uint8Array): string | null {
    try {
      return strict.decode(bytes);
    } catch {
      return null;
    }
  },
};
const urls = { queryObject: (query: string): object => Object.fromEntries(new URLSearchParams(query)) };
const consoles: { readonly console: Console } = { console: globalThis.console };
const fetches: { readonly fetch: typeof fetch } = { fetch };

export const encoding = (): typeof encodings => encodings;
export const url = (): typeof urls => urls;
export const console = (): typeof consoles => consoles;
/** No response here carries one: see `webSocketOf`. */
export const webSocketServer = (): never => {
  throw new TypeError('A function in a whole Node can’t accept WebSockets yet');
};
export const fetching = (): typeof fetches => fetches;
