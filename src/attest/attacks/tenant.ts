/** Tenant: what is another tenant's, by every route: its functions, their sources, secrets, logs, invocations and names. */

import { broken, held, LANGUAGE_WALLS, must, shown, type Answer, type Attack, type Lab, type Sent } from '../attack.ts';

const own = { class: 'tenant', tiers: null, private: true } as const;

/** VICTIM, VAULT and STEADY stand for names of the victim's. */
type Asked = readonly [name: string, sent: Sent];

const READING: readonly Asked[] = [
  ['Listing the functions of another tenant', { path: '/api/v1/functions?tenant=VICTIM' }],
  ['Reading a function of another tenant', { path: '/api/v1/functions/VAULT?tenant=VICTIM' }],
  ['Reading the versions of another tenant’s function', { path: '/api/v1/functions/VAULT/versions?tenant=VICTIM' }],
  [
    'Reading the sources of another tenant’s function',
    { path: '/api/v1/functions/VAULT/versions/1?tenant=VICTIM&sources=1' },
  ],
  [
    'Reading the deployments of another tenant’s function',
    { path: '/api/v1/functions/VAULT/deployments?tenant=VICTIM' },
  ],
  ['Reading the log of another tenant’s function', { path: '/api/v1/functions/VAULT/logs?tenant=VICTIM' }],
  ['Following the log of another tenant’s function', { path: '/api/v1/functions/VAULT/logs?tenant=VICTIM&follow=1' }],
  ['Reading the secrets of another tenant', { path: '/api/v1/secrets?tenant=VICTIM' }],
  ['Reading the secrets of another tenant’s function', { path: '/api/v1/functions/VAULT/secrets?tenant=VICTIM' }],
  ['Reading the audit log of another tenant', { path: '/api/v1/audit?tenant=VICTIM' }],
  ['Listing the tokens of another tenant', { path: '/api/v1/tokens?tenant=VICTIM' }],
  ['Listing the services of another tenant', { path: '/api/v1/services?tenant=VICTIM' }],
  ['Naming two tenants, one of them another’s', { path: '/api/v1/functions?tenant=TENANT&tenant=VICTIM' }],
  ['Naming another tenant in capitals', { path: '/api/v1/functions?tenant=VICTIM%20' }],
  ['Naming another tenant by a path', { path: '/api/v1/functions?tenant=TENANT/../VICTIM' }],
  ['Listing all tenants', { path: '/api/v1/tenants' }],
  ['Reading another tenant', { path: '/api/v1/tenants/VICTIM' }],
];

const CHANGING: readonly Asked[] = [
  [
    'Deploying over another tenant’s function',
    {
      path: '/api/v1/functions/STEADY',
      method: 'PUT',
      json: { tenant: 'VICTIM', code: 'export default () => new Response("mine")' },
    },
  ],
  [
    'Creating a function for another tenant',
    { path: '/api/v1/functions', json: { name: 'mine', tenant: 'VICTIM', code: 'export default () => 1' } },
  ],
  [
    'Changing another tenant’s function',
    { path: '/api/v1/functions/STEADY?tenant=VICTIM', method: 'PATCH', json: { active: false } },
  ],
  ['Deleting another tenant’s function', { path: '/api/v1/functions/STEADY?tenant=VICTIM', method: 'DELETE' }],
  [
    'Rolling back another tenant’s function',
    { path: '/api/v1/functions/STEADY/rollback?tenant=VICTIM', json: { version: 1 } },
  ],
  [
    'Moving an alias of another tenant’s function',
    { path: '/api/v1/functions/STEADY/aliases/x?tenant=VICTIM', method: 'PUT', json: { version: 1 } },
  ],
  [
    'Setting a secret of another tenant',
    { path: '/api/v1/secrets?tenant=VICTIM', method: 'PUT', json: { variables: [{ name: 'A', value: 'b' }] } },
  ],
  [
    'Taking secrets of another tenant away',
    { path: '/api/v1/functions/VAULT/secrets?tenant=VICTIM', method: 'DELETE', json: { names: ['VAULT_KEY'] } },
  ],
  ['Invoking another tenant’s function', { path: '/api/v1/functions/VAULT/invoke?tenant=VICTIM', json: {} }],
  ['Invoking another tenant’s function as a script', { path: '/api/functions/VAULT/invoke?tenant=VICTIM', json: {} }],
  ['Executing code as another tenant', { path: '/execute', json: { code: 'return env', tenant: 'VICTIM' } }],
  [
    'Making a token for another tenant',
    { path: '/api/v1/tokens', json: { name: 'x', role: 'admin', tenant: 'VICTIM' } },
  ],
  ['Making a token for every tenant', { path: '/api/v1/tokens', json: { name: 'x', role: 'admin', tenant: null } }],
  ['Making a token with a role of its own', { path: '/api/v1/tokens', json: { name: 'x', role: 'operator' } }],
  ['Suspending another tenant', { path: '/api/v1/tenants/VICTIM', method: 'PATCH', json: { suspended: true } }],
  ['Erasing another tenant', { path: '/api/v1/tenants/VICTIM', method: 'DELETE' }],
  ['Raising its own quota', { path: '/api/v1/tenants/TENANT', method: 'PATCH', json: { quotas: { functions: 1e9 } } }],
  ['Making a tenant', { path: '/api/v1/tenants', json: { name: 'mine' } }],
  ['Changing the key that seals secrets', { path: '/api/v1/secrets/rotate-key', json: {} }],
  [
    'Asking for an invocation that is another’s',
    { path: '/api/v1/invocations/01AAAAAAAAAAAAAAAAAAAAAAAA?tenant=VICTIM' },
  ],
];

/** A name becomes the tenant’s own by the operator’s word alone. */
const DOMAINS: readonly (readonly [name: string, domain: string])[] = [
  ['the operator’s host', '127.0.0.1'],
  ['a name of loopback', 'localhost'],
  ['the host of another tenant', 'VICTIM.DOMAIN'],
  ['the domain of all tenants', 'DOMAIN'],
  ['a name with a line in it', 'a.example\r\nx: y'],
  ['a name with a port', '127.0.0.1:80'],
  ['every name', '*'],
];

const SELECTING: readonly (readonly [name: string, sent: Sent])[] = [
  ['another tenant’s function by its name', { path: '/fn/VAULT' }],
  ['a version of another tenant’s function', { path: '/fn/VAULT@1' }],
  ['a tenant by a slash', { path: '/fn/VICTIM/VAULT' }],
  ['a tenant by an encoded slash', { path: '/fn/VICTIM%2fVAULT' }],
  ['a tenant by an at sign', { path: '/fn/VAULT@VICTIM' }],
  ['a tenant by a colon', { path: '/fn/VICTIM:VAULT' }],
  ['a tenant by its query', { path: '/fn/VAULT?tenant=VICTIM' }],
  ['a tenant by X-Forwarded-Host', { path: '/fn/VAULT', headers: { 'x-forwarded-host': 'VICTIM.DOMAIN' } }],
  ['a tenant by Forwarded', { path: '/fn/VAULT', headers: { forwarded: 'host=VICTIM.DOMAIN' } }],
  [
    'a tenant by headers of Cordon’s',
    { path: '/fn/VAULT', headers: { 'x-cordon-tenant': 'VICTIM', 'cordon-tenant': 'VICTIM', 'x-tenant': 'VICTIM' } },
  ],
  [
    'a tenant by X-Original-URL',
    {
      path: '/fn/x',
      headers: { 'x-original-url': '/fn/VAULT', 'x-rewrite-url': '/fn/VAULT', 'x-host': 'VICTIM.DOMAIN' },
    },
  ],
  ['a tenant by two labels', { path: '/fn/VAULT', host: 'x.VICTIM.DOMAIN' }],
  ['a tenant by an ending', { path: '/fn/VAULT', host: 'VICTIM.DOMAIN.example' }],
  ['a tenant by a beginning', { path: '/fn/VAULT', host: 'xVICTIM.DOMAIN' }],
];

function named<T>(lab: Lab, value: T): T {
  const { victim, domain } = lab.ground;
  const text = JSON.stringify(value)
    .replaceAll('VICTIM', victim.tenant)
    .replaceAll('VAULT', victim.vault)
    .replaceAll('STEADY', victim.steady)
    .replaceAll('TENANT', lab.tenant)
    .replaceAll('DOMAIN', domain ?? 'example.test');
  return JSON.parse(text) as T;
}

const isRefused = ({ status }: Answer): boolean => status >= 400 && status < 500;

const asking = ([name, sent]: Asked): Attack => ({
  ...own,
  name,
  async run(lab) {
    const answer = await lab.asAttacker(named(lab, sent));
    return must(isRefused(answer), shown(answer));
  },
});

const claiming = ([name, domain]: (typeof DOMAINS)[number]): Attack => ({
  ...own,
  name: `Claiming ${name}`,
  async run(lab) {
    const answer = await lab.asAttacker({
      path: '/api/v1/functions/attest-claim',
      method: 'PUT',
      json: named(lab, {
        tenant: 'TENANT',
        code: 'export default () => new Response("claimed")',
        publicDomain: domain,
      }),
    });
    await lab.asOperator({ path: `/api/v1/functions/attest-claim?tenant=${lab.tenant}`, method: 'DELETE' });
    return must(isRefused(answer), shown(answer));
  },
});

const selecting = ([name, sent]: (typeof SELECTING)[number]): Attack => ({
  ...own,
  name: `Choosing ${name}`,
  async run(lab) {
    const answer = await lab.send(named(lab, sent));
    return must(isRefused(answer) && !answer.text.includes('locked'), shown(answer));
  },
});

const MARK = `export default { fetch() {
  const slots = [globalThis, Object.prototype, Array, Symbol.for('attest'), Math, JSON, console, Response];
  const before = slots.map((slot) => { try { return slot.attest === undefined ? 0 : 1; } catch { return 0; } });
  for (const slot of slots) { try { slot.attest = 1; } catch {} }
  return new Response(before.join(''));
} }`;

const INSIDE: readonly Attack[] = [
  {
    ...own,
    private: false,
    tiers: LANGUAGE_WALLS,
    name: 'A mark on globals that another function might see',
    async run(lab) {
      const seen: string[] = [];
      for (let i = 0; i < 2; i++) {
        const target = await lab.deploy(`${MARK}\n// ${i}`);
        if (!target.ok) return broken(shown(target.answer));
        seen.push((await target.call()).text);
      }
      return must(/^0+$/.test(seen[1] ?? ''), `the second function saw ${seen[1]}`);
    },
  },
  {
    ...own,
    private: false,
    tiers: LANGUAGE_WALLS,
    name: 'A context that is kept after its invocation',
    async run(lab) {
      const target = await lab.deploy(`let kept; export default { async fetch(request, env, ctx) {
        if (kept === undefined) { kept = { ctx, request, log: console.log, fetch }; return new Response('kept'); }
        const did = []; try { kept.ctx.waitUntil(Promise.resolve()); did.push('waitUntil'); } catch {}
        return Response.json(did); } }`);
      if (!target.ok) return broken(shown(target.answer));
      await target.call();
      const { text } = await target.call();
      return must(text === '[]' || text === 'kept', `used again: ${text}`);
    },
  },
  {
    ...own,
    private: false,
    tiers: LANGUAGE_WALLS,
    name: 'Two invocations at a time, and whose log line is whose',
    async run(lab) {
      const target = await lab.deploy(`export default { async fetch(request) {
        const who = request.headers.get('x-who'); for (let i = 0; i < 20; i++) { await new Promise((r) => setTimeout(r, 1)); console.log('line of ' + who); }
        return new Response(who); } }`);
      if (!target.ok) return broken(shown(target.answer));
      const answers = await Promise.all(['a', 'b', 'c', 'd'].map((who) => target.call({ headers: { 'x-who': who } })));
      const ids = new Map(answers.map(({ headers, text }) => [headers['cordon-invocation'] ?? '', text]));
      await new Promise((resolve) => setTimeout(resolve, 300));
      const logs = await lab.asAttacker({
        path: `/api/v1/functions/${target.name}/logs?limit=200&tenant=${lab.tenant}`,
      });
      const { lines = [] } = JSON.parse(logs.text) as { lines?: { invocation: string | null; message: string }[] };
      const wrong = lines.find(
        ({ invocation, message }) => message.startsWith('line of') && ids.get(invocation ?? '') !== message.slice(8),
      );
      if (lines.length === 0) return broken('there were no lines');
      return wrong === undefined
        ? held(`${lines.length} lines, each of its own invocation`)
        : broken(`${wrong.message} stands under ${ids.get(wrong.invocation ?? '')}`);
    },
  },
  {
    ...own,
    tiers: LANGUAGE_WALLS,
    name: 'A function in the executor of another of its tenant, and the environment there',
    async run(lab) {
      const keeper = await lab.deploy({
        code: 'export default (request, context) => new Response("kept")',
        env: { OWN_KEY: 'own-key-of-a-neighbour' },
      });
      const thief = await lab.deploy(
        `export default { fetch(request, env) { return Response.json([env, globalThis.process?.env, globalThis.Deno?.env?.toObject?.(), Reflect.ownKeys(globalThis).map(String)]); } }`,
      );
      if (!keeper.ok || !thief.ok) return broken('it was not deployed');
      await keeper.call();
      const answer = await thief.call();
      return must(!answer.text.includes('own-key-of-a-neighbour'), shown(answer));
    },
  },
  {
    ...own,
    tiers: LANGUAGE_WALLS,
    name: 'A fetch of another tenant’s function through Cordon itself',
    async run(lab) {
      const url = `http://${lab.ground.victim.host}:${new URL(lab.ground.url).port}/fn/${lab.ground.victim.vault}`;
      const target = await lab.deploy({
        code: `export default async () => { try { const r = await fetch(${JSON.stringify(url)}); return new Response('reached ' + await r.text()); } catch (error) { return new Response('refused ' + error.code); } }`,
        egress: { allow: ['*'] },
      });
      if (!target.ok) return broken(shown(target.answer));
      const answer = await target.call();
      return must(!answer.text.startsWith('reached'), shown(answer));
    },
  },
];

export const TENANT: readonly Attack[] = [
  ...READING.map(asking),
  ...CHANGING.map(asking),
  ...DOMAINS.map(claiming),
  ...SELECTING.map(selecting),
  ...INSIDE,
];
