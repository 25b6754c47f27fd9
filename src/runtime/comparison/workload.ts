/** Workload: what every tier is asked to run when tiers are compared. */

import type { SourceFiles } from '../../core/deployment.ts';

export interface Workload {
  readonly name: string;
  readonly entry: string;
  readonly files: SourceFiles;
}

/** `origin`: where a function may fetch 1 KB from. */
export function builtInWorkloads(origin: string): readonly Workload[] {
  return [
    of('hello', `export default { fetch: () => new Response('Hello') };`),
    of(
      'JSON 10 KB',
      `const rows = Array.from({ length: 100 }, (_, id) => ({ id, name: 'row ' + id, tags: ['a', 'b', 'c'], at: '2026-01-01T00:00:00.000Z', ok: true }));
const text = JSON.stringify(rows);
export default { fetch: () => new Response(JSON.stringify(JSON.parse(text).map((row) => ({ ...row, ok: false }))), { headers: { 'content-type': 'application/json' } }) };`,
    ),
    of(
      'CPU 5 ms',
      // About 5 ms on V8: an engine that takes longer for it is to be seen.
      `export default { fetch() { let x = 1; for (let i = 0; i < 500_000; i++) x = (x * 1_103_515_245 + 12_345) & 0x7fffffff; return new Response(String(x)); } };`,
    ),
    of('fetch', `export default { fetch: async () => new Response(await (await fetch('${origin}')).text()) };`),
  ];
}

const of = (name: string, code: string): Workload => ({
  name,
  entry: 'index.js',
  files: new Map([['index.js', Buffer.from(code, 'utf8')]]),
});
