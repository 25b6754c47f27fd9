import { sameInBoth } from './both.ts';

const PATHS = JSON.stringify([
  '',
  '/',
  '//',
  'a',
  '/a',
  '/a/',
  '/a/b.c',
  'a/b/../c',
  './a',
  '../a',
  '../../a/..',
  'a//b',
  '/a/b/c/../../..',
  '.',
  '..',
  '.a',
  'a.b.c',
  '/.hidden',
  'a/.b.txt/',
  '///a///b',
  'x/',
  '..a',
  'file.',
  '/foo/bar/baz/asdf/quux.html',
]);
const each = (call: string): string => `const path = require('path'); return ${PATHS}.map((p) => ${call});`;
const pairs = (call: string): string =>
  `const path = require('path'); return ${PATHS}.flatMap((p) => ${PATHS}.map((q) => ${call}));`;

await sameInBoth({
  basename: each('[path.basename(p), path.basename(p, ".c"), path.basename(p, "a")]'),
  dirname: each('path.dirname(p)'),
  extname: each('path.extname(p)'),
  normalize: each('path.normalize(p)'),
  parse: each('path.parse(p)'),
  format: each('path.format(path.parse(p))'),
  isAbsolute: each('path.isAbsolute(p)'),
  join: pairs('path.join(p, q)'),
  'resolve from the root': pairs('path.resolve("/", p, q)'),
  relative: `const path = require('path'); return ${PATHS}.flatMap((p) => ${PATHS}.map((q) => path.relative('/x/' + p, '/x/' + q)));`,
  'format of parts': `const { format } = require('node:path'); return [format({ name: 'a', ext: 'b' }), format({ root: '/', base: 'x' }), format({ dir: '/d', base: 'x' }), format({})]`,
  'what is no path is refused': `require('path').join('a', 1)`,
  posix: `const path = require('path'); return [path.posix === path, path.sep, path.delimiter, require('path/posix').join('a', 'b')]`,
});
