/** What the bundler gives the guest's packages in place of modules that a bare engine can't have: name → absolute path. */

import { fileURLToPath } from 'node:url';

const guestWeb = (path: string): string => fileURLToPath(new URL(`../../guest/web/${path}`, import.meta.url));

export const GUEST_ALIASES: Readonly<Record<string, string>> = {
  tr46: guestWeb('shims/tr46.ts'),
  // whatwg-url loads this one for the legacy multi-byte encodings, 170 KB, which nobody can ask it for here.
  '@exodus/bytes/encoding.js': guestWeb('encoding.ts'),
};
