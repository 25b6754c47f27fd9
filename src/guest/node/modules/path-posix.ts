/** node:path/posix: there is no other kind of path here. */

export {
  basename,
  default,
  delimiter,
  dirname,
  extname,
  format,
  isAbsolute,
  join,
  normalize,
  parse,
  posix,
  relative,
  resolve,
  sep,
  toNamespacedPath,
} from './path.ts';
