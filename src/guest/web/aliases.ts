/** What the bundler resolves to files of ours instead: name → path, relative to this file's folder. Plain data. */

export const GUEST_ALIASES: Readonly<Record<string, string>> = {
  tr46: './shims/tr46.ts',
  // whatwg-url loads this one for the legacy multi-byte encodings, 170 KB, which nobody can ask it for here.
  '@exodus/bytes/encoding.js': './encoding.ts',
};
