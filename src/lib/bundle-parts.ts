/**
 * Parts: what a bare bundle evaluates only when somebody asks for it, each part a function of its own.
 *
 * Where an ES module says `require('./x.ts')`, esbuild by itself evaluates x late, but makes each of its functions when the
 * bundle starts, and V8 keeps and reads back something for every one of them. Here x becomes one function that returns x's
 * exports, with all that only x imports inside of it: an engine that never runs it knows its outline and no more.
 * What is there from the start a part uses directly; what several parts share is a part too.
 */

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type * as Esbuild from 'esbuild';
import { CoreImports, exportsOf, fromPart } from './part-imports.ts';

type Graph = Readonly<Record<string, Node>>;
type Node = Pick<Esbuild.Metafile['inputs'][string], 'imports' | 'format'>;

/** By absolute path. */
interface Plan {
  /** What is evaluated when the bundle starts. */
  readonly core: ReadonlySet<string>;
  /** Each part's entry, with its number. */
  readonly parts: ReadonlyMap<string, number>;
  readonly graph: Graph;
}

/** The options of the whole bundle, and the module it begins with. */
export async function bundleParts(
  esbuild: typeof Esbuild,
  entry: string,
  options: Esbuild.BuildOptions,
): Promise<Uint8Array> {
  const plan = planOf(entry, await graphOf(esbuild, entry, options));
  const imports = new CoreImports();
  const contents = wholeText(entry, plan, await buildParts(esbuild, plan, options), imports);
  for (const [imported, from] of imports.taken) await refuseChanging(imported, from);
  const result = await esbuild.build({
    ...options,
    stdin: { contents, loader: 'js', resolveDir: '/' },
    plugins: [...(options.plugins ?? []), asking(plan), HOLDER],
  });
  return result.outputFiles![0]!.contents;
}

/** The module through which all find the parts' functions, which are there when the core has been evaluated. */
const PARTS = 'cordon:parts';
const PARTS_TEXT = 'export let $parts; export const $setParts = (parts) => { $parts = parts; };';
const callOf = (part: number): string => `$parts.p${part}()`;

async function graphOf(esbuild: typeof Esbuild, entry: string, options: Esbuild.BuildOptions): Promise<Graph> {
  const { metafile } = await esbuild.build({
    ...options,
    entryPoints: [entry],
    minify: false,
    metafile: true,
    absWorkingDir: '/',
  });
  const nodes = Object.entries(metafile.inputs).map(([path, node]) => {
    const imports = node.imports.map((each) => ({ ...each, path: join('/', each.path) }));
    return [join('/', path), { ...node, imports }] as const;
  });
  return Object.fromEntries(nodes);
}

function planOf(entry: string, graph: Graph): Plan {
  const core = reach(graph, entry, () => false);
  const parts = new Map<string, number>();
  const asked = Object.values(graph).flatMap((node) => node.imports.filter((each) => isAsked(node, each)));
  for (const { path } of asked) {
    if (core.has(path)) throw new Error(`${path} is required as a part, and imported from the start`);
    if (!parts.has(path)) parts.set(path, parts.size);
  }
  for (let shared = sharedOf(graph, core, parts); shared.length > 0; shared = sharedOf(graph, core, parts))
    for (const path of shared) parts.set(path, parts.size);
  return { core, parts, graph };
}

/** Whether the import waits until it is asked for: of CommonJS it is how all imports look. */
const isAsked = (node: Node, { kind }: Node['imports'][number]): boolean =>
  kind === 'require-call' && node.format === 'esm';

/** What is evaluated with a module, up to what `isCut`. */
function reach(graph: Graph, from: string, isCut: (path: string) => boolean): Set<string> {
  const reached = new Set([from]);
  for (const path of reached) {
    const node = graph[path];
    for (const each of node?.imports ?? [])
      if (each.external !== true && !isAsked(node!, each) && !isCut(each.path)) reached.add(each.path);
  }
  return reached;
}

/** Where two parts lead to, the first modules that they have in common. */
function sharedOf(graph: Graph, core: ReadonlySet<string>, parts: ReadonlyMap<string, number>): string[] {
  const owners = new Map<string, string>();
  const shared = new Set<string>();
  for (const part of parts.keys()) {
    for (const path of reach(graph, part, (each) => core.has(each) || parts.has(each))) {
      if (owners.has(path)) shared.add(path);
      else owners.set(path, part);
    }
  }
  const imported = (from: string): string[] => graph[from]?.imports.map(({ path }) => path) ?? [];
  const inner = new Set([...shared].flatMap((path) => imported(path).filter((each) => shared.has(each))));
  const first = [...shared].filter((path) => !inner.has(path));
  // Those that import each other all seem to be inner ones.
  return first.length > 0 ? first : [...shared];
}

/** Every part as an ES module that imports the core and the other parts. */
async function buildParts(esbuild: typeof Esbuild, plan: Plan, options: Esbuild.BuildOptions): Promise<Part[]> {
  const entries = [...plan.parts].map(([path, part]) => ({ in: path, out: `${part}` }));
  const result = await esbuild.build({
    ...options,
    entryPoints: entries,
    outdir: '/',
    format: 'esm',
    banner: {},
    footer: {},
    minify: false,
    // Once is enough, and is for the whole.
    supported: {},
    target: 'esnext',
    plugins: [...(options.plugins ?? []), asking(plan), cutting(plan)],
  });
  const texts = new Map(result.outputFiles!.map(({ path, text }) => [path, text]));
  return entries.map(({ in: path, out }) => ({ path, text: texts.get(`/${out}.js`)! }));
}

interface Part {
  readonly path: string;
  readonly text: string;
}

/** `require('./x.ts')` becomes a call of the part's function. */
function asking({ graph, parts }: Plan): Esbuild.Plugin {
  return {
    name: 'asking',
    setup(build) {
      const askers = Object.entries(graph).filter(([, node]) => node.imports.some((each) => isAsked(node, each)));
      const byPath = new Map(askers);
      build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const node = byPath.get(path);
        if (node === undefined) return undefined;
        const text = (await readFile(path, 'utf8')).replace(REQUIRE, (_, specifier: string) => {
          const target = node.imports.find((each) => each.original === specifier && isAsked(node, each));
          if (target === undefined) throw new Error(`${path} requires ${specifier}, which is not known`);
          return callOf(parts.get(target.path)!);
        });
        return { contents: `import { $parts } from '${PARTS}';\n${text}`, loader: 'ts', resolveDir: dirname(path) };
      });
    },
  };
}

const REQUIRE = /\brequire\(\s*'([^']+)'\s*\)/g;

/** A part ends where the core or another part begins. */
function cutting({ core, parts, graph }: Plan): Esbuild.Plugin {
  return {
    name: 'cutting',
    setup(build) {
      build.onResolve({ filter: /./ }, ({ path, importer, kind }) => {
        if (kind === 'entry-point') return undefined;
        if (path === PARTS) return { path, external: true };
        const target = graph[importer]?.imports.find(({ original }) => original === path)?.path;
        if (target === undefined || !(core.has(target) || parts.has(target))) return undefined;
        return { path: target, external: true };
      });
    },
  };
}

const HOLDER: Esbuild.Plugin = {
  name: 'holder',
  setup(build) {
    build.onResolve({ filter: /^cordon:parts$/ }, ({ path }) => ({ path, namespace: 'parts' }));
    build.onLoad({ filter: /./, namespace: 'parts' }, () => ({ contents: PARTS_TEXT }));
  },
};

/** The entry, and behind it a function for each part. Throws where parts need each other. */
function wholeText(entry: string, plan: Plan, parts: readonly Part[], imports: CoreImports): string {
  refuseCycles(plan);
  const methods = parts.map((part) => methodText(plan, part, imports));
  return `import main from ${JSON.stringify(entry)};
import { $parts, $setParts } from '${PARTS}';
${imports.text}
const $loading = { __proto__: null };
${methods.map((_, part) => `let $kept${part};`).join('\n')}
$setParts({ __proto__: null, ${methods.join(',\n')} });
export default main;`;
}

function methodText({ parts }: Plan, { path, text }: Part, imports: CoreImports): string {
  const part = parts.get(path)!;
  const taken: string[] = [];
  const exported: string[] = ['__proto__: null'];
  const body = text
    .replace(IMPORT, (_, clause: string, from: string) => {
      const other = parts.get(from);
      if (from !== PARTS)
        taken.push(other === undefined ? imports.take(clause, from) : fromPart(clause, callOf(other)));
      return '';
    })
    .replace(OF_COMMON_JS, (_, from: string) => callOf(parts.get(from)!))
    .replace(EXPORT_ALL, (_, from: string) => (exported.push(`...${callOf(parts.get(from)!)}`), ''))
    .replace(EXPORT, (_, names: string) => (exported.push(...exportsOf(names)), ''));
  // A function of its own evaluates: one with all of the part's variables would make them at each call. It runs again if
  // it could not end: user code may have called with all but the last of the stack.
  return `p${part}() {
return $kept${part} !== undefined ? $kept${part} : (() => {
$kept${part} = $loading;
try {
${taken.join('\n')}
${body}
return $kept${part} = { ${exported.join(', ')} };
} finally {
if ($kept${part} === $loading) $kept${part} = undefined;
}
})();
}`;
}

/** As esbuild writes them. */
const IMPORT = /^import ([^"]+?) from "([^"]+)";$/gm;
const OF_COMMON_JS = /\b__require\("([^"]+)"\)/g;
const EXPORT_ALL = /^export \* from "([^"]+)";$/gm;
const EXPORT = /^export \{([^}]*)\};$/m;

/** A variable that has a value from the start is there to be given others, which a part would not see. */
async function refuseChanging(name: string, path: string): Promise<void> {
  const pattern = new RegExp(`^export let ${name}\\b[^;]*?=[^>]`, 'm');
  if (pattern.test(await readFile(path, 'utf8')))
    throw new Error(`A part takes ${name} of ${path}, which changes later`);
}

function refuseCycles({ graph, core, parts }: Plan): void {
  const isCut = (path: string): boolean => core.has(path) || parts.has(path);
  const needs = (part: string): string[] =>
    [...reach(graph, part, isCut)].flatMap((path) => graph[path]?.imports ?? []).map(({ path }) => path);
  const done = new Set<string>();
  const visit = (part: string, way: readonly string[]): void => {
    if (way.includes(part)) throw new Error(`Parts that need each other: ${[...way, part].join(', ')}`);
    if (done.has(part)) return;
    for (const need of needs(part)) if (parts.has(need) && need !== part) visit(need, [...way, part]);
    done.add(part);
  };
  for (const part of parts.keys()) visit(part, []);
}
