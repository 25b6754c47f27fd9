/** Entry: the two paths at which functions answer, and what a URL below one of them names. */

export interface Entry {
  readonly prefix: string;
  /** Callers are verified where the version asks for it, and the function learns who they are. */
  readonly verifies: boolean;
  /** Before the name, in the path that the function sees. */
  readonly shownPrefix: string;
}

/** Public: nobody is verified, and every caller is anonymous, whatever credentials it sends. */
export const FN: Entry = Object.freeze({ prefix: '/fn/', verifies: false, shownPrefix: '/fn/' });
/** Supabase's: there a function sees `/<name>/…`, as its routers expect. */
export const FUNCTIONS_V1: Entry = Object.freeze({ prefix: '/functions/v1/', verifies: true, shownPrefix: '/' });

export interface Target {
  readonly name: string;
  /** After `@`: the number of a version, or an alias; null: the one that is live. */
  readonly label: string | null;
  /** The path and query that the function sees. It is the same for each of its versions. */
  readonly shownUrl: string;
}

/** `url`: path and query, beginning with the entry's prefix. */
export function targetOf(url: string, { prefix, shownPrefix }: Entry): Target {
  let end = prefix.length;
  let at = -1;
  for (; end < url.length; end++) {
    const character = url.charCodeAt(end);
    if (character === SLASH || character === QUESTION_MARK) break;
    if (character === AT && at < 0) at = end;
  }
  const name = url.slice(prefix.length, at < 0 ? end : at);
  if (at < 0 && prefix === shownPrefix) return { name, label: null, shownUrl: url };
  return { name, label: at < 0 ? null : url.slice(at + 1, end), shownUrl: `${shownPrefix}${name}${url.slice(end)}` };
}

const SLASH = 0x2f;
const QUESTION_MARK = 0x3f;
const AT = 0x40;
