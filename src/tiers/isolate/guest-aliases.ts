/** What the bundler gives the guest's packages in place of modules that a bare engine can't have: name → absolute path. */

import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const guestWeb = (path: string): string => fileURLToPath(new URL(`../../guest/web/${path}`, import.meta.url));
/** The CommonJS build of a package. Of an ES module the bundler makes every function when the bundle starts. */
const commonJs = (name: string): string => createRequire(import.meta.url).resolve(name);

export const GUEST_ALIASES: Readonly<Record<string, string>> = {
  tr46: guestWeb('shims/tr46.ts'),
  // whatwg-url loads this one for the legacy multi-byte encodings, 170 KB, which nobody can ask it for here.
  '@exodus/bytes/encoding.js': guestWeb('encoding.ts'),
  'eventsource-parser': commonJs('eventsource-parser'),
  'web-streams-polyfill': commonJs('web-streams-polyfill'),
  'urlpattern-polyfill/urlpattern': commonJs('urlpattern-polyfill/urlpattern'),
};
