/** Runtime: the language of a function, which a tier's executors speak or don't. */

export const RUNTIMES = ['javascript', 'python'] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** What whoever deploys may say. A number is a wish: a machine has one version of each, and runs all of them on it. */
export const RUNTIME_WORDS = [
  'javascript',
  'node',
  'node18',
  'node20',
  'node22',
  'node24',
  'node26',
  'python',
  'python3.9',
  'python3.10',
  'python3.11',
  'python3.12',
  'python3.13',
  'python3.14',
] as const;
export type RuntimeWord = (typeof RUNTIME_WORDS)[number];

export const runtimeOf = (word: RuntimeWord): Runtime => (word.startsWith('python') ? 'python' : 'javascript');

/** The runtime of a function that starts from this file. */
export const runtimeOfEntry = (path: string): Runtime => (path.endsWith('.py') ? 'python' : 'javascript');

/** `18` of `node18`; null where the word names no version. */
export const versionWished = (word: RuntimeWord): string | null => /\d.*$/.exec(word)?.[0] ?? null;
