/**
 * QuickJS made to look like the engine that the rest of the guest is written for. Evaluated before anything else.
 *
 * Its `prepareStackTrace` would hand user code every function on the stack, ours among them: the engine keeps the one that
 * is set here, and the property that sets it goes.
 */

interface CallSite {
  getFunctionName(): unknown;
  getFileName(): unknown;
  getLineNumber(): number;
  getColumnNumber(): number;
  isNative(): boolean;
}

/** The name that the user's own frames have in stacks. */
const FUNCTION_FILE = 'function.js';

let columnOffset = 0;

/** So many characters of ours stand before the user's own in the first line. */
export function hideColumns(count: number): void {
  columnOffset = count;
}

/** As V8 writes it, without the frames that are ours. */
function stackOf(error: { readonly name: unknown; readonly message: unknown }, sites: readonly CallSite[]): string {
  const { name, message } = error;
  const title = typeof name === 'string' ? name : 'Error';
  let text = typeof message === 'string' && message !== '' ? `${title}: ${message}` : title;
  for (let i = 0; i < sites.length; i++) {
    const site = sites[i] as CallSite;
    if (site.isNative() || site.getFileName() !== FUNCTION_FILE) continue;
    const line = site.getLineNumber();
    const column = site.getColumnNumber() - (line === 1 ? columnOffset : 0);
    const where = `${FUNCTION_FILE}:${line}:${column > 0 ? column : 1}`;
    const fn = site.getFunctionName();
    text +=
      typeof fn === 'string' && fn !== '' && fn !== '<anonymous>' ? `\n    at ${fn} (${where})` : `\n    at ${where}`;
  }
  return text;
}

(Error as unknown as { prepareStackTrace: unknown }).prepareStackTrace = stackOf;

const ignored = {
  get prepareStackTrace(): undefined {
    return undefined;
  },
  set prepareStackTrace(_ignored: unknown) {
    // Who sets it gets the stacks that everybody gets.
  },
};
Object.defineProperty(
  Error,
  'prepareStackTrace',
  Object.getOwnPropertyDescriptor(ignored, 'prepareStackTrace') as PropertyDescriptor,
);
