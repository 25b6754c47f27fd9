/** The native guest's bundle: what stands in for the web guest's modules where a whole Node has its own. */

import { fileURLToPath } from 'node:url';

const guest = (path: string): string => fileURLToPath(new URL(`../guest/${path}`, import.meta.url));

/** Absolute path of a module of the web guest → absolute path of what takes its place. */
export const NATIVE_MODULES: Readonly<Record<string, string>> = Object.fromEntries(
  ['body', 'body-init', 'headers', 'modules', 'request', 'response'].map((name) => [
    guest(`web/${name}.ts`),
    guest(`native/web/${name}.ts`),
  ]),
);
