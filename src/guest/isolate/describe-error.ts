/** Whatever was thrown, as a message and a stack that show the user's own code and none of ours. */

const MAX_UNITS = 8 * 1024;
const { stringify } = JSON;
const stringOf = String;
const { apply } = Reflect;
const [slice, split, startsWith, includes, join] = [
  String.prototype.slice,
  String.prototype.split,
  String.prototype.startsWith,
  String.prototype.includes,
  Array.prototype.join,
];

/** The file name that our own frames carry (the executor compiles the bootstrap under it). */
const OURS = 'cordon:';

export function describeError(error: unknown): { readonly message: string; readonly stack: string | null } {
  try {
    if (typeof error !== 'object' || error === null)
      return { message: cut(`${typeof error === 'string' ? error : describePrimitive(error)}`), stack: null };
    const { name, message, stack } = error as { name: unknown; message: unknown; stack: unknown };
    const text =
      typeof message === 'string' && message !== '' ? message : typeof name === 'string' ? name : cut(stringify(error));
    const named =
      typeof name === 'string' && name !== 'Error' && typeof message === 'string' && message !== ''
        ? `${name}: ${text}`
        : text;
    return { message: cut(named), stack: typeof stack === 'string' ? cut(ownFrames(stack)) : null };
  } catch {
    return { message: 'The code threw something that cannot be described', stack: null };
  }
}

function describePrimitive(value: unknown): string {
  return `The code threw ${stringOf(value)}`;
}

function ownFrames(stack: string): string {
  const kept: string[] = [];
  const lines = apply(split, stack, ['\n']) as string[];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string;
    if (apply(startsWith, line, ['    at ']) && apply(includes, line, [OURS])) continue;
    kept[kept.length] = line;
  }
  return apply(join, kept, ['\n']);
}

const cut = (text: string): string => (text.length > MAX_UNITS ? apply(slice, text, [0, MAX_UNITS]) : text);
