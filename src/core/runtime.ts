/** Runtime: the language of a function, which a tier's executors speak or don't. */

export const RUNTIMES = ['javascript', 'python'] as const;
export type Runtime = (typeof RUNTIMES)[number];
