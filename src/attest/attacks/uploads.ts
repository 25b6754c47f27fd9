/** Uploads: sources as hostile as running code, and requests to the operator API that are too much for whoever reads them. */

import { broken, LANGUAGE_WALLS, must, shown, type Answer, type Attack, type Lab, type Source } from '../attack.ts';

const own = { class: 'uploads', tiers: LANGUAGE_WALLS, private: false } as const;

const OK = 'export default () => new Response("ok")';
const KB_256 = 256 * 1024;

/** Names of files, none of which may be taken. */
const PATHS: readonly (readonly [name: string, path: string])[] = [
  ['that climbs out of its folder', '../../../../etc/cron.d/x'],
  ['that is absolute', '/etc/cron.d/x'],
  ['with backslashes', '..\\..\\x'],
  ['with a null byte', 'a\0.ts'],
  ['with a line in it', 'a\nb.ts'],
  ['that is a dot', './././x.ts'],
  ['with an empty segment', 'a//b.ts'],
  ['of a drive', 'C:\\x.ts'],
  ['of a thousand characters', `${'a'.repeat(1000)}.ts`],
  ['of a stream of NTFS', 'index.ts:hidden'],
];

const pathAttack = ([name, path]: (typeof PATHS)[number]): Attack => ({
  ...own,
  name: `A file name ${name}`,
  async run(lab) {
    const target = await lab.deploy({ files: { 'index.ts': OK, [path]: 'x' }, entry: 'index.ts' });
    return target.ok ? broken('it was taken') : must(target.answer.status === 400, shown(target.answer));
  },
});

/** CANARY stands for a file of the host; it must not come into the bundle, and nothing of the sources may be run. */
const READS: readonly (readonly [name: string, files: Readonly<Record<string, string>>])[] = [
  [
    'the main of a package',
    {
      'index.ts': `import x from 'p'; export default () => new Response(String(x))`,
      'node_modules/p/package.json': `{"main":"../../../../../../..CANARY"}`,
    },
  ],
  [
    'the absolute main of a package',
    {
      'index.ts': `import x from 'p'; export default () => new Response(String(x))`,
      'node_modules/p/package.json': `{"main":"CANARY"}`,
    },
  ],
  [
    'the exports of a package',
    {
      'index.ts': `import x from 'p'; export default () => new Response(String(x))`,
      'node_modules/p/package.json': `{"exports":"./../../../../../..CANARY"}`,
    },
  ],
  [
    'the imports of a package',
    {
      'index.ts': `import x from '#x'; export default () => new Response(String(x))`,
      'package.json': `{"imports":{"#x":"CANARY"}}`,
    },
  ],
  [
    'the browser field of a package',
    {
      'index.ts': `import x from './y'; export default () => new Response(String(x))`,
      'y.ts': 'export default 1',
      'package.json': `{"browser":{"./y":"CANARY","./y.ts":"CANARY"}}`,
    },
  ],
  [
    'the paths of a tsconfig',
    {
      'index.ts': `import x from 'p'; export default () => new Response(String(x))`,
      'tsconfig.json': `{"compilerOptions":{"baseUrl":"/","paths":{"p":["CANARY"]}}}`,
    },
  ],
  ['what a tsconfig extends', { 'index.ts': OK, 'tsconfig.json': `{"extends":"CANARY"}` }],
  [
    'an import map',
    {
      'index.ts': `import x from 'p'; export default () => new Response(String(x))`,
      'deno.json': `{"imports":{"p":"file://CANARY"}}`,
      'import_map.json': `{"imports":{"p":"CANARY"}}`,
    },
  ],
  [
    'a style sheet',
    {
      'index.ts': `import x from './a.css'; export default () => new Response(String(x))`,
      'a.css': `@import "CANARY"; a { background: url(CANARY) }`,
    },
  ],
  [
    'a comment for the compiler',
    {
      'index.tsx': `/** @jsxImportSource CANARY */\n/// <reference path="CANARY" />\nexport default () => new Response(String(<p/>))`,
    },
  ],
  [
    'a glob',
    {
      'index.ts': `const all = import.meta.glob?.('CANARY', { eager: true, as: 'raw' }); export default async () => new Response(JSON.stringify(all ?? await import(\`CANARY\`)))`,
    },
  ],
  [
    'an address',
    {
      'index.ts': `import x from 'data:text/plain,x'; import y from 'http://127.0.0.1:PORT/x.js'; export default () => new Response(String([x, y]))`,
    },
  ],
];

const readAttack = ([name, files]: (typeof READS)[number]): Attack => ({
  ...own,
  name: `A file of the host through ${name}`,
  async run(lab) {
    const { canary } = lab.ground;
    const real = (text: string): string =>
      text.replaceAll('CANARY', canary.file).replaceAll('PORT', String(canary.port));
    const entry = Object.keys(files)[0]!;
    const target = await lab.deploy({
      files: Object.fromEntries(Object.entries(files).map(([path, text]) => [path, real(text)])),
      entry,
    });
    if (!target.ok) return must(target.answer.status < 500, `refused: ${target.answer.code}`);
    return must(true, `deployed without it, and answers ${(await target.call()).status}`);
  },
});

/** Refused, or built within its time: both are well. */
const BOMBS: readonly (readonly [name: string, source: () => Source])[] = [
  ['A hundred thousand brackets', () => ({ code: `export default ${'('.repeat(1e5)}1${')'.repeat(1e5)}` })],
  ['A hundred thousand lists', () => ({ code: `export default ${'['.repeat(1e5)}${']'.repeat(1e5)}` })],
  ['Fifty thousand functions in each other', () => ({ code: `export default ${'()=>'.repeat(5e4)}1` })],
  ['Sums without an end', () => ({ code: `export default ${'1+'.repeat(1.2e5)}1` })],
  ['Templates in templates', () => ({ code: `export default ${'`${'.repeat(2e4)}1${'}`'.repeat(2e4)}` })],
  ['Types that grow', () => ({ code: `type A<T> = ${'T extends [infer U] ? U : '.repeat(5_000)} T; ${OK}` })],
  ['Generic brackets that could be comparisons', () => ({ code: `const a = ${'a<'.repeat(2e4)}1; ${OK}` })],
  [
    'A regular expression of the parser’s',
    () => ({ code: `export default /${'(?:a|'.repeat(2e4)}b${')'.repeat(2e4)}/` }),
  ],
  [
    'A text of a quarter of a megabyte',
    () => ({ code: `export default () => new Response(${JSON.stringify('x'.repeat(KB_256 - 100))})` }),
  ],
  ['More code than may be', () => ({ code: `${OK}//${'x'.repeat(KB_256)}` })],
  [
    'Ten thousand files',
    () => ({
      files: Object.fromEntries([
        ['index.ts', OK],
        ...Array.from({ length: 9_999 }, (_, i) => [`f/${i}.ts`, 'x'] as const),
      ]),
      entry: 'index.ts',
    }),
  ],
  [
    'More files than may be',
    () => ({
      files: Object.fromEntries([
        ['index.ts', OK],
        ...Array.from({ length: 10_001 }, (_, i) => [`f/${i}.ts`, 'x'] as const),
      ]),
      entry: 'index.ts',
    }),
  ],
  [
    'A chain of two thousand imports',
    () => ({
      files: Object.fromEntries(
        Array.from(
          { length: 2_000 },
          (_, i) => [`f${i}.ts`, i === 1_999 ? OK : `export { default } from './f${i + 1}.ts'`] as const,
        ),
      ),
      entry: 'f0.ts',
    }),
  ],
  [
    'Imports in a circle',
    () => ({
      files: {
        'a.ts': `import b from './b.ts'; export default () => b`,
        'b.ts': `import a from './a.ts'; export default a`,
      },
      entry: 'a.ts',
    }),
  ],
  [
    'Stars that export each other',
    () => ({
      files: Object.fromEntries(
        Array.from(
          { length: 60 },
          (_, i) =>
            [
              `f${i}.ts`,
              `export * from './f${(i + 1) % 60}.ts'; export * from './f${(i + 7) % 60}.ts'; export default () => new Response('${i}')`,
            ] as const,
        ),
      ),
      entry: 'f0.ts',
    }),
  ],
  [
    'A file that imports itself a thousand times',
    () => ({ code: `${Array.from({ length: 1_000 }, (_, i) => `import x${i} from './index.ts'`).join('\n')}\n${OK}` }),
  ],
  [
    'A package.json of a hundred thousand levels',
    () => ({
      files: {
        'index.ts': `import 'p'; ${OK}`,
        'node_modules/p/package.json': `${'{"a":'.repeat(1e4)}1${'}'.repeat(1e4)}`,
      },
      entry: 'index.ts',
    }),
  ],
  [
    'A source map that lies',
    () => ({
      code: `export default () => { throw new Error('x') }\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify({ version: 3, sources: ['/etc/passwd'], sourcesContent: [null], names: [], mappings: 'A'.repeat(1e5) })).toString('base64')}`,
    }),
  ],
  [
    'Bytes that are no text',
    () => ({
      files: { 'index.ts': { base64: Buffer.from([0xff, 0xfe, 0x00, 0xd8, 0x80]).toString('base64') } },
      entry: 'index.ts',
    }),
  ],
  ['A base64 that is none', () => ({ files: { 'index.ts': { base64: '%%%%' } }, entry: 'index.ts' })],
  ['A byte-order mark and a hash-bang', () => ({ code: `\ufeff#!/bin/sh\n${OK}` })],
  [
    'Install scripts and configurations',
    () => ({
      files: {
        'index.ts': `import 'p'; ${OK}`,
        'package.json': '{"scripts":{"preinstall":"sleep 100"},"type":"commonjs"}',
        'esbuild.config.js': 'while (true) {}',
        'node_modules/p/package.json': '{"main":"i.js","scripts":{"postinstall":"sleep 100"}}',
        'node_modules/p/i.js': 'module.exports = 1',
      },
      entry: 'index.ts',
    }),
  ],
];

/** A build's own limit, a wait for those before it, and the start of what it made. */
const BUILD_MS = 45_000;

const bombAttack = ([name, source]: (typeof BOMBS)[number]): Attack => ({
  ...own,
  name: `Building: ${name[0]!.toLowerCase()}${name.slice(1)}`,
  async run(lab) {
    const startedMs = performance.now();
    const target = await lab.deploy(source());
    const tookMs = Math.round(performance.now() - startedMs);
    if (tookMs > BUILD_MS * lab.slowness) return broken(`it took ${tookMs} ms`);
    if (!target.ok)
      return must(
        target.answer.status < 500 || target.answer.status === 503,
        `${shown(target.answer)} after ${tookMs} ms`,
      );
    const answer = await target.call();
    return must(answer.status < 500 || answer.code !== 'INTERNAL', `built in ${tookMs} ms, answers ${answer.status}`);
  },
});

const REFUSED = /^4\d\d$/;

/** Settings and bodies, none of which may be taken. */
const BODIES: readonly (readonly [name: string, body: (lab: Lab) => string])[] = [
  ['JSON of a hundred thousand levels', () => `{"code":${'['.repeat(1e5)}${']'.repeat(1e5)}}`],
  ['JSON that is cut off', () => '{"code":"export default'],
  [
    'JSON with a name of prototypes',
    ({ tenant }) => `{"tenant":"${tenant}","code":"export default () => 1","__proto__":{"active":true}}`,
  ],
  [
    'a constructor among the settings',
    ({ tenant }) => `{"tenant":"${tenant}","code":"export default () => 1","constructor":{"prototype":{"x":1}}}`,
  ],
  ['variables of a megabyte', ({ tenant }) => JSON.stringify({ tenant, code: OK, env: { A: 'x'.repeat(1_000_000) } })],
  [
    'a time that is no number',
    ({ tenant }) => `{"tenant":"${tenant}","code":"export default () => 1","timeoutMs":1e309}`,
  ],
  ['a time below nothing', ({ tenant }) => JSON.stringify({ tenant, code: OK, timeoutMs: -1 })],
  ['a memory beyond the machine’s', ({ tenant }) => JSON.stringify({ tenant, code: OK, memoryMb: 1e9 })],
  ['a tier of its own', ({ tenant }) => JSON.stringify({ tenant, code: OK, tier: 'host' })],
  [
    'a schedule that never ends',
    ({ tenant }) => JSON.stringify({ tenant, code: OK, trigger: { kind: 'cron', pattern: '* '.repeat(10_000) } }),
  ],
  [
    'a pattern of a megabyte',
    ({ tenant }) => JSON.stringify({ tenant, code: OK, trigger: { kind: 'event', pattern: '*:'.repeat(500_000) } }),
  ],
  [
    'an origin with a line in it',
    ({ tenant }) => JSON.stringify({ tenant, code: OK, cors: { origins: ['https://a.example\r\nx: y'] } }),
  ],
];

const bodyAttack = ([name, body]: (typeof BODIES)[number]): Attack => ({
  ...own,
  tiers: null,
  name: `A deployment with ${name}`,
  async run(lab) {
    const answer: Answer = await lab.asAttacker({
      path: '/api/v1/functions/attest-body',
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: body(lab),
    });
    return must(REFUSED.test(String(answer.status)), shown(answer));
  },
});

const NAMES = ['..', '..%2f..%2fx', 'A', 'x'.repeat(64), '%00', 'a%0d%0ab', '__proto__', '-x', 'é'];

export const UPLOADS: readonly Attack[] = [
  ...PATHS.map(pathAttack),
  ...READS.map(readAttack),
  ...BOMBS.map(bombAttack),
  ...BODIES.map(bodyAttack),
  {
    ...own,
    name: 'A variable with a name of prototypes',
    async run(lab) {
      const target = await lab.deploy({
        code: `export default { fetch(request, env) { return Response.json([env.polluted, ({}).polluted, Object.keys(env)]); } }`,
        // A literal would set the prototype.
        env: JSON.parse('{"__proto__":"x","__proto__.polluted":"x"}') as object,
      });
      if (!target.ok) return must(target.answer.status === 400, shown(target.answer));
      const answer = await target.call();
      return must(answer.text === '[null,null,[]]', `taken away: ${shown(answer)}`);
    },
  },
  {
    ...own,
    tiers: null,
    name: 'A deployment of twenty megabytes, announced',
    async run(lab) {
      const head = `PUT /api/v1/functions/x HTTP/1.1\r\nHost: ${lab.ground.operatorHost}\r\nAuthorization: Bearer ${lab.token}\r\n`;
      const { statuses } = await lab.raw(`${head}Content-Type: application/json\r\nContent-Length: 20000000\r\n\r\n{`);
      return must(statuses.join() === '413', `answered ${statuses.join()}`);
    },
  },
  {
    ...own,
    tiers: null,
    name: 'Names that are no names',
    async run(lab) {
      const taken: string[] = [];
      for (const name of NAMES) {
        const answer = await lab.asAttacker({
          path: `/api/v1/functions/${encodeURI(name)}`,
          method: 'PUT',
          json: { tenant: lab.tenant, code: OK },
        });
        if (!REFUSED.test(String(answer.status))) taken.push(`${name}: ${answer.status}`);
      }
      return must(taken.length === 0, taken.length === 0 ? `${NAMES.length} names, all refused` : taken.join(', '));
    },
  },
];
