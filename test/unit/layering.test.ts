/**
 * Who may import whom. The table below is DESIGN's layering; whatever is not in it is not allowed, and the failure says
 * which import it is.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  importsOf,
  ROOT,
  sourceFiles,
  withoutComments,
  type Import,
  type ImportKind,
  type SourceFile,
} from '../support/source-tree.ts';

interface Rule {
  /** Areas of src that may be imported at run time. */
  readonly values: readonly string[];
  /** Areas that may be named in type imports as well. */
  readonly types?: readonly string[];
}

const EVERYTHING = ['*'];
/** Parts of the host that meet in runtime.ts and nowhere else. */
const PART: Rule = { values: ['core', 'lib'] };

/** An area is a folder of src, a folder of src/guest, or a file at the top of src. */
const RULES: Readonly<Record<string, Rule>> = {
  lib: { values: [] },
  core: { values: ['lib'] },
  wire: { values: ['core', 'lib'] },
  walls: { values: ['core', 'lib'] },
  tiers: { values: ['core', 'lib', 'wire', 'walls'] },
  builder: { values: ['core', 'lib', 'wire', 'walls'] },

  'guest/web': { values: [] },
  'guest/handler': { values: ['guest/web'], types: ['core', 'wire'] },
  'guest/isolate': { values: ['guest/web', 'guest/handler'], types: ['core', 'wire'] },
  'guest/executor': { values: ['lib', 'wire', 'guest/isolate', 'guest/quickjs', 'guest/native'], types: ['core'] },
  'guest/native': {
    values: ['lib', 'wire', 'guest/web', 'guest/handler', 'guest/isolate'],
    types: ['core'],
  },
  'guest/agent': { values: ['guest/native'] },
  'guest/node': { values: ['guest/web'] },
  'guest/wasm': { values: ['guest/web', 'guest/isolate'] },
  'guest/quickjs': { values: ['lib'] },
  'guest/embedded': { values: ['guest/quickjs', 'guest/isolate', 'guest/executor'], types: ['core', 'wire'] },
  'guest/builder': { values: ['lib', 'wire'], types: ['core'] },
  'guest/vendoring': { values: ['lib'] },

  supervisor: PART,
  gateway: PART,
  control: PART,
  auth: PART,
  storage: PART,
  observe: PART,
  egress: PART,
  capabilities: PART,
  attest: PART,
  triggers: PART,

  // A composition of its own beside runtime: the server of a host that runs functions for another one.
  'executor-service': { values: EVERYTHING },
  cli: { values: ['core', 'lib', 'auth', 'attest', 'config.ts', 'runtime.ts', 'executor-service'] },
  'config.ts': { values: ['core', 'settings'] },
  settings: { values: ['core', 'lib', 'walls'] },
  runtime: { values: EVERYTHING },
  'runtime.ts': { values: EVERYTHING },
  'library.ts': { values: EVERYTHING },
  'index.ts': { values: EVERYTHING },
};

const FILES: readonly SourceFile[] = sourceFiles('src');

test('every folder imports only what its layer may', () => {
  const wrong = FILES.flatMap((file) =>
    importsOf(file)
      .map((found) => complaint(file, found))
      .filter((text) => text !== null),
  );
  assert.deepEqual(wrong, []);
});

test('nothing on the host imports the far side of a wall: it is started by path', () => {
  const wrong = FILES.filter(({ path }) => !path.startsWith('src/guest/')).flatMap((file) =>
    importsOf(file)
      .filter(({ target }) => target?.startsWith('src/guest/'))
      .map(({ specifier }) => `${file.path} imports ${specifier}`),
  );
  assert.deepEqual(wrong, []);
});

test('code for a bare engine imports no module of Node', () => {
  const bare = FILES.filter(({ path }) => /^src\/guest\/(?:web|handler|isolate|node|wasm|quickjs)\//.test(path));
  const wrong = bare.flatMap((file) =>
    importsOf(file)
      .filter(({ specifier }) => specifier.startsWith('node:'))
      .map(({ specifier }) => `${file.path} imports ${specifier}`),
  );
  assert.deepEqual(wrong, []);
});

test('every relative import names a file that is there', () => {
  const known = new Set(FILES.map(({ path }) => path));
  const wrong = FILES.flatMap((file) =>
    importsOf(file)
      .filter(({ target }) => target !== null && !known.has(target))
      .map(({ specifier }) => `${file.path} imports ${specifier}, which does not exist`),
  );
  assert.deepEqual(wrong, []);
});

test('no file waits for itself: value imports form no cycle', () => {
  assert.deepEqual(cycles(FILES), []);
});

test('only src/config.ts reads the environment', () => {
  const reads =
    /(?<!['"])\bprocess\s*(?:\?\.|\.)\s*env\b|\bprocess\s*\[|from 'node:process'|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/;
  const wrong = FILES.filter(
    ({ path, text }) =>
      path !== 'src/config.ts' &&
      // A guest makes the environment of its function out of its own.
      path !== 'src/guest/native/process.ts' &&
      // A function of ours, which hands its own environment to npm.
      path !== 'src/guest/vendoring/npm.ts' &&
      !path.startsWith('src/attest/attacks/') &&
      reads.test(withoutComments(text)),
  ).map(({ path }) => path);
  assert.deepEqual(wrong, [], 'these files read process.env: take the value from Config instead');
});

test('src/index.ts is the only export list', () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, unknown>;
  };
  assert.equal(exports['.'], './src/index.ts');
  // What runs inside other hosts is built, and one file.
  assert.deepEqual(Object.keys(exports), ['.', './wasm', './quickjs.wasm']);
  const index = withoutComments(FILES.find(({ path }) => path === 'src/index.ts')?.text ?? '');
  assert.match(index, /^\s*(?:export [^;]* from '[^']+';\s*)+$/, 'src/index.ts does more than export');
  const lists = FILES.filter(({ path, text }) => path !== 'src/index.ts' && /^export \* /m.test(text)).map(
    ({ path }) => path,
  );
  assert.deepEqual(lists, [], 'these files pass on everything of another');
});

test('the reader of imports tells values, lazy loads and types apart', () => {
  const text = [
    `import { a, type B } from './value.ts';`,
    `import type { C } from './type.ts';`,
    `import './effect.ts';`,
    `export type { D } from '../d.ts';`,
    `export {\n  e,\n} from './e.ts';`,
    `const x = await import('./lazy.ts');`,
    `let y: typeof import('./kind.ts');`,
    `// import { no } from './comment.ts';`,
    `/* import { no } from './comment.ts'; */`,
    `export const from = 'elsewhere';`,
    `import type from './oddly-named.ts';`,
  ].join('\n');
  const kinds = importsOf({ path: 'src/lib/x.ts', text }).map(({ kind, target }): [ImportKind, string | null] => [
    kind,
    target,
  ]);
  assert.deepEqual(kinds, [
    ['value', 'src/lib/value.ts'],
    ['type', 'src/lib/type.ts'],
    ['value', 'src/lib/effect.ts'],
    ['type', 'src/d.ts'],
    ['value', 'src/lib/e.ts'],
    ['value', 'src/lib/oddly-named.ts'],
    ['lazy', 'src/lib/lazy.ts'],
    ['type', 'src/lib/kind.ts'],
  ]);
});

function complaint(file: SourceFile, { kind, specifier, target }: Import): string | null {
  if (target === null) return null;
  const from = areaOf(file.path);
  const to = areaOf(target);
  const rule = RULES[from];
  if (rule === undefined) return `${file.path}: ${from} is not in the table of layers`;
  const { values, types = [] } = rule;
  const allowed =
    from === to || values.includes(to) || values === EVERYTHING || (kind === 'type' && types.includes(to));
  if (allowed) return null;
  const also = types.length === 0 ? '' : `, and types of ${types.join(', ')}`;
  return `${file.path} imports ${specifier}: ${from} may import ${values.length === 0 ? 'nothing' : values.join(', ')}${also}`;
}

function areaOf(path: string): string {
  const [, first = '', second = ''] = path.split('/');
  return first === 'guest' ? `guest/${second}` : first;
}

/** One sentence for each cycle, from the file that the alphabet puts first. */
function cycles(files: readonly SourceFile[]): string[] {
  const graph = new Map(
    files.map((file) => [
      file.path,
      importsOf(file).flatMap(({ kind, target }) => (kind === 'value' && target !== null ? [target] : [])),
    ]),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) return void found.push([...trail.slice(at), path].join(' → '));
    if (done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}
