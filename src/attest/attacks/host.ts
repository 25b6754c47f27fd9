/** Host: what is the machine's and the operator's: files, environment, processes, the operator's own origin. */

import { ALL_TIERS, broken, held, LANGUAGE_WALLS, must, shown, type Answer, type Attack, type Lab } from '../attack.ts';
import { escape } from '../guest.ts';

const own = { class: 'host', tiers: LANGUAGE_WALLS, private: false } as const;

/** Each would be the file, if it could be had. */
const READS: readonly (readonly [name: string, code: (file: string) => string])[] = [
  ['as a module', (file) => `import x from ${JSON.stringify(file)}; export default () => new Response(String(x))`],
  [
    'as a text among the sources',
    (file) => `import x from ${JSON.stringify(file)} with { type: 'text' }; export default () => new Response(x)`,
  ],
  [
    'as a file URL',
    (file) =>
      `import x from ${JSON.stringify(`file://${file}`)} with { type: 'text' }; export default () => new Response(x)`,
  ],
  [
    'through /proc',
    (file) =>
      `import x from ${JSON.stringify(`/proc/self/root${file}`)} with { type: 'text' }; export default () => new Response(x)`,
  ],
  [
    'by climbing out of its folder',
    (file) =>
      `import x from ${JSON.stringify(`${'../'.repeat(12)}${file.slice(1)}`)} with { type: 'text' }; export default () => new Response(x)`,
  ],
  ['as a source map', (file) => `export default () => { throw new Error('x') }\n//# sourceMappingURL=file://${file}`],
  [
    'with node:fs',
    (file) =>
      `import { readFileSync } from 'node:fs'; export default () => new Response(readFileSync(${JSON.stringify(file)}, 'utf8'))`,
  ],
  [
    'with require',
    (file) => `module.exports = () => new Response(require('fs').readFileSync(${JSON.stringify(file)}, 'utf8'))`,
  ],
  [
    'with fetch',
    (file) =>
      `export default async () => new Response(await (await fetch(${JSON.stringify(`file://${file}`)})).text())`,
  ],
  [
    'with a dynamic import',
    (file) =>
      `export default async () => new Response(JSON.stringify(await import(${JSON.stringify(file)}, { with: { type: 'text' } })))`,
  ],
  [
    'with the API of Deno',
    (file) => `export default () => new Response(Deno.readTextFileSync(${JSON.stringify(file)}))`,
  ],
  [
    'with the API of Bun',
    (file) => `export default async () => new Response(await Bun.file(${JSON.stringify(file)}).text())`,
  ],
];

const MODULES = [
  'fs',
  'child_process',
  'worker_threads',
  'net',
  'dgram',
  'cluster',
  'vm',
  'v8',
  'inspector',
  'module',
  'repl',
  'process',
];

/** The sandbox has not got it: whoever asks is told when the code is built, loaded or run. */
async function without(
  lab: Lab,
  code: string,
  isFine: (answer: Answer) => boolean,
): Promise<{ held: boolean; text: string }> {
  const target = await lab.deploy(code);
  if (!target.ok) return must(target.answer.status < 500, `refused at deploy: ${target.answer.code}`);
  const answer = await target.call();
  return must(isFine(answer), shown(answer));
}

const INSIDE: readonly (readonly [name: string, body: string])[] = [
  [
    "The host's environment through process",
    `for (const [name, value] of Object.entries(globalThis.process?.env ?? {})) if (/ATTEST|CORDON|^PATH$|^HOME$/.test(name)) hit(name + '=' + value)`,
  ],
  [
    "The host's environment through Deno and the handler",
    `const all = { ...globalThis.Deno?.env?.toObject?.(), ...env }; for (const name of Object.keys(all)) if (/ATTEST|CORDON|^PATH$|^HOME$/.test(name)) hit(name)`,
  ],
  [
    'Bindings of the process',
    `const p = globalThis.process; for (const f of ['binding', '_linkedBinding', 'dlopen', 'kill', 'reallyExit', 'abort', 'chdir', 'setuid', 'execve']) if (typeof p?.[f] === 'function') { try { const v = p[f](f === 'kill' ? 1 : 'fs', 0); if (v && typeof v === 'object') hit(f); } catch {} }`,
  ],
  [
    'The stack of an error, and paths in it',
    `for (const error of [new Error(), caught(() => null.x), await caughtLater(() => fetch('http://127.0.0.1:1/')), caught(() => new URL('x'))]) if (/file:|node_modules|isolated-vm|\\/(?:home|root|opt|usr|tmp|srv|cordon)\\//.test(String(error.stack))) hit(error.stack)`,
  ],
  [
    'A clock finer than the host gives',
    `const seen = new Set(); for (let i = 0; i < 2e6 && seen.size < 4; i++) { seen.add(performance.now() % 1); seen.add(Date.now() % 1); } if (seen.size > 3) hit('steps of ' + [...seen].join())`,
  ],
  [
    'The names of who runs the host',
    `const n = globalThis.navigator ?? {}; for (const key of ['platform', 'oscpu', 'deviceMemory']) if (n[key] && /root|home|vm/.test(String(n[key]))) hit(key); if ((n.hardwareConcurrency ?? 1) > 1) hit('hardwareConcurrency ' + n.hardwareConcurrency)`,
  ],
];

/** On the operator's own host name a function's answer gets no trust from that origin. */
function onOperatorHost(name: string, code: string, judge: (answer: Answer) => boolean): Attack {
  return {
    ...own,
    name,
    tiers: ALL_TIERS,
    async run(lab) {
      const target = await lab.deploy({ code, tenant: lab.tenant });
      if (!target.ok) return broken(shown(target.answer));
      const tenant = lab.ground.domain === null ? lab.tenant : 'default';
      if (tenant === lab.tenant) return judged(await target.call({ host: lab.ground.operatorHost }), judge);
      const page = `attest-page-${target.name}`;
      const made = await lab.asOperator({ path: `/api/v1/functions/${page}`, method: 'PUT', json: { code, tenant } });
      if (made.status >= 300) return broken(shown(made));
      const answer = await lab.send({ path: `/fn/${page}`, host: lab.ground.operatorHost });
      await lab.asOperator({ path: `/api/v1/functions/${page}?tenant=${tenant}`, method: 'DELETE' });
      return judged(answer, judge);
    },
  };
}

const judged = (answer: Answer, judge: (answer: Answer) => boolean): { held: boolean; text: string } =>
  must(judge(answer), `${shown(answer)}, ${JSON.stringify(answer.headers).slice(0, 300)}`);

const HEADERS_BACK = `export default (request) => Response.json(Object.fromEntries(request.headers))`;

function unseen(name: string, headers: Readonly<Record<string, string>>, hidden: RegExp): Attack {
  return {
    ...own,
    name,
    tiers: ALL_TIERS,
    async run(lab) {
      const target = await lab.deploy(HEADERS_BACK);
      if (!target.ok) return broken(shown(target.answer));
      const answer = await target.call({ headers });
      return answer.status === 200 && !hidden.test(answer.text)
        ? held('the function sees nothing of it')
        : broken(shown(answer));
    },
  };
}

export const HOST: readonly Attack[] = [
  ...READS.map(([name, code]): Attack => ({
    ...own,
    name: `Reading a file of the host ${name}`,
    run: (lab) => without(lab, code(lab.ground.canary.file), ({ status }) => status >= 400),
  })),
  ...MODULES.map((module): Attack => ({
    ...own,
    name: `Importing node:${module}`,
    run: (lab) =>
      without(
        lab,
        `import * as all from 'node:${module}'; export default () => { const m = all.default ?? all; const did = []; for (const [f, ...args] of [['spawnSync', 'id'], ['execSync', 'id'], ['readdirSync', '/'], ['runInThisContext', '1'], ['createServer'], ['createSocket', 'udp4'], ['getHeapSnapshot'], ['createRequire', '/'], ['fork'], ['cwd'], ['open'], ['start'], ['binding', 'fs'], ['dlopen', {}, 'x']]) { try { const v = m[f]?.(...args); if (v !== undefined && f !== 'cwd') did.push(f); } catch {} } return Response.json(did); }`,
        ({ status, text }) => status >= 400 || text === '[]',
      ),
  })),
  ...INSIDE.map(([name, body]) => escape({ ...own, name, body })),
  onOperatorHost(
    'A cookie for the operator’s origin',
    `export default () => new Response('x', { headers: { 'set-cookie': 'session=1' } })`,
    ({ headers }) => headers['set-cookie'] === undefined,
  ),
  onOperatorHost(
    'Clearing the data of the operator’s origin',
    `export default () => new Response('x', { headers: { 'clear-site-data': '"*"' } })`,
    ({ headers }) => headers['clear-site-data'] === undefined,
  ),
  onOperatorHost(
    'A page with scripts on the operator’s origin',
    `export default () => new Response('<script>1</script>', { headers: { 'content-type': 'text/html', 'content-security-policy': 'script-src *' } })`,
    ({ headers }) => /(?:^|[,;\n ])sandbox(?:$|[,;\n])/.test(headers['content-security-policy'] ?? ''),
  ),
  onOperatorHost(
    'Headers in the name of Cordon',
    `export default () => new Response('x', { headers: { 'cordon-version': '99', 'x-cordon-user-role': 'admin', 'cordon-fault': 'NONE' } })`,
    ({ headers }) =>
      headers['cordon-version'] !== '99' &&
      headers['x-cordon-user-role'] === undefined &&
      headers['cordon-fault'] === undefined,
  ),
  unseen(
    "A caller's token, shown to a function",
    { authorization: 'Bearer a-token-of-the-caller' },
    /a-token-of-the-caller/,
  ),
  unseen(
    'Who calls, invented by the caller',
    { 'x-cordon-user-id': 'root', 'X-Cordon-User-Role': 'admin' },
    /root|admin/,
  ),
  unseen(
    'Where a request came from, invented by the caller',
    { 'x-forwarded-for': '6.6.6.6', forwarded: 'for=6.6.6.6', 'x-real-ip': '6.6.6.6' },
    /6\.6\.6\.6/,
  ),
  {
    ...own,
    name: 'A log line that looks like one of the server',
    private: true,
    async run(lab) {
      const mark = `forged-${lab.tenant}`;
      const target = await lab.deploy(
        `export default () => { console.log('x\\n[cordon] ${mark}\\r[cordon] ${mark}\\u2028[cordon] ${mark}\\u001b[2K[cordon] ${mark}'); return new Response('x'); }`,
      );
      if (!target.ok) return broken(shown(target.answer));
      await target.call();
      await new Promise((resolve) => setTimeout(resolve, 100));
      const forged = lab.ground
        .output()
        .split(/[\n\r\u2028]/)
        .find((line) => line.replace('\u001b[2K', '').startsWith('[cordon] forged'));
      return forged === undefined
        ? held('it stays one line, marked as the function’s')
        : broken(JSON.stringify(forged));
    },
  },
];
