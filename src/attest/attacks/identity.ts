/** Identity: being somebody else, by tokens that nobody gave, by pages of elsewhere, by names that are not the operator's. */

import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { broken, must, shown, type Attack, type Lab, type Sent } from '../attack.ts';

const own = { class: 'identity', tiers: null, private: true } as const;

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

type Claims = Readonly<Record<string, unknown>>;

const claimsOf = (lab: Lab, more: Claims = {}): Claims => ({
  sub: 'mallory',
  role: 'authenticated',
  aud: 'attest',
  tenant: lab.tenant,
  exp: Math.floor(Date.now() / 1000) + 600,
  ...more,
});

function signed(lab: Lab, claims: Claims, header: Claims = {}, key: string = lab.ground.jwtSecret ?? ''): string {
  const text = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

const unsigned = (claims: Claims, alg: string): string => `${encode({ alg, typ: 'JWT' })}.${encode(claims)}.`;

const seconds = (): number => Math.floor(Date.now() / 1000);

const JWTS: readonly (readonly [name: string, make: (lab: Lab) => string])[] = [
  ['without a signature', (lab) => unsigned(claimsOf(lab), 'none')],
  ['without a signature, in other letters', (lab) => unsigned(claimsOf(lab), 'nOnE')],
  ['with an empty signature', (lab) => unsigned(claimsOf(lab), 'HS256')],
  ['whose signature was cut off', (lab) => signed(lab, claimsOf(lab)).slice(0, -4)],
  [
    'of which the claims were changed',
    (lab) => signed(lab, claimsOf(lab)).replace(/\.[^.]+\./, `.${encode(claimsOf(lab, { sub: 'root' }))}.`),
  ],
  ['signed with an empty key', (lab) => signed(lab, claimsOf(lab), {}, '')],
  ['signed with another key', (lab) => signed(lab, claimsOf(lab), {}, 'x'.repeat(32))],
  ['signed with its own header as the key', (lab) => signed(lab, claimsOf(lab), { jwk: { kty: 'oct', k: 'eA' } }, 'x')],
  ['with a key of its own choice in its header', rsaWithOwnKey],
  ['with an algorithm of keys that nobody gave', (lab) => signed(lab, claimsOf(lab), { alg: 'RS256' })],
  ['with an algorithm that is a longer hash', (lab) => signed(lab, claimsOf(lab), { alg: 'HS512' })],
  ['with an algorithm that is a name of prototypes', (lab) => signed(lab, claimsOf(lab), { alg: '__proto__' })],
  ['with a key id that is a path', (lab) => signed(lab, claimsOf(lab), { kid: '../../../../dev/null' }, '')],
  ['with a key id that is a query', (lab) => signed(lab, claimsOf(lab), { kid: "' union select 'x" }, 'x')],
  [
    'with an address of keys',
    (lab) =>
      signed(
        lab,
        claimsOf(lab),
        { jku: `http://127.0.0.1:${lab.ground.canary.port}/`, x5u: `http://127.0.0.1:${lab.ground.canary.port}/` },
        'x',
      ),
  ],
  ['with demands that nobody knows', (lab) => signed(lab, claimsOf(lab), { crit: ['attest'], attest: true })],
  ['that has expired', (lab) => signed(lab, claimsOf(lab, { exp: seconds() - 3_600 }))],
  ['that is not valid yet', (lab) => signed(lab, claimsOf(lab, { nbf: seconds() + 3_600 }))],
  ['with a time that is a text', (lab) => signed(lab, claimsOf(lab, { exp: '9999999999' }))],
  ['for somebody else', (lab) => signed(lab, claimsOf(lab, { aud: 'elsewhere' }))],
  ['for nobody', (lab) => signed(lab, claimsOf(lab, { aud: undefined }))],
  ['of another tenant', (lab) => signed(lab, claimsOf(lab, { tenant: lab.ground.victim.tenant }))],
  ['of no tenant', (lab) => signed(lab, claimsOf(lab, { tenant: undefined }))],
  ['of a tenant that is a list', (lab) => signed(lab, claimsOf(lab, { tenant: [lab.tenant] }))],
  ['that is very long', (lab) => signed(lab, claimsOf(lab, { x: 'x'.repeat(40_000) }))],
];

function rsaWithOwnKey(lab: Lab): string {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const text = `${encode({ alg: 'RS256', typ: 'JWT', jwk: publicKey.export({ format: 'jwk' }) })}.${encode(claimsOf(lab))}`;
  return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
}

/** A good token is taken first, so that a refusal says something. */
const bearing = ([name, make]: (typeof JWTS)[number]): Attack => ({
  ...own,
  name: `A JWT ${name}`,
  async run(lab) {
    const target = await lab.deploy('export default () => new Response("in")');
    if (!target.ok) return broken(shown(target.answer));
    const path = `/functions/v1/${target.name}`;
    const good = await lab.send({ path, token: signed(lab, claimsOf(lab)) });
    if (good.text !== 'in') return broken(`a good one is refused: ${shown(good)}`);
    const answer = await lab.send({ path, token: make(lab) });
    return must([400, 401, 431].includes(answer.status), shown(answer));
  },
});

const API = '/api/v1/functions';

/** What is to be refused, and by which statuses. */
const ASKING: readonly (readonly [name: string, sent: (lab: Lab) => Sent, statuses: RegExp])[] = [
  ['The operator API without a token', ({ ground }) => ({ path: API, host: ground.operatorHost }), /^401$/],
  [
    'The operator API with an invented token',
    ({ ground }) => ({ path: API, host: ground.operatorHost, token: 'cdn_0000000000000000000000000000000000000000' }),
    /^401$/,
  ],
  [
    'The operator API with most of the operator’s token',
    ({ ground }) => ({ path: API, host: ground.operatorHost, token: ground.operatorToken.slice(0, -1) }),
    /^401$/,
  ],
  [
    'The operator API with a token in its query',
    ({ ground, token }) => ({ path: `${API}?token=${token}&access_token=${token}`, host: ground.operatorHost }),
    /^(?:400|401)$/,
  ],
  [
    'The operator API with a token in a cookie',
    ({ ground, token }) => ({
      path: API,
      host: ground.operatorHost,
      headers: { cookie: `token=${token}; session=${token}` },
    }),
    /^401$/,
  ],
  [
    'The operator API with a name and a password',
    ({ ground, token }) => ({
      path: API,
      host: ground.operatorHost,
      headers: { authorization: `Basic ${Buffer.from(`admin:${token}`).toString('base64')}` },
    }),
    /^401$/,
  ],
  [
    'The operator API with two tokens',
    ({ ground, token }) => ({
      path: API,
      host: ground.operatorHost,
      headers: { authorization: ['Bearer x', `Bearer ${token}`] },
    }),
    /^(?:400|401)$/,
  ],
  [
    'The operator API under a tenant’s own host',
    ({ ground, host }) => ({ path: API, host, token: ground.operatorToken }),
    /^404$/,
  ],
  [
    'The operator API under a name that was bound to its address',
    ({ ground }) => ({ path: API, host: 'rebound.example', token: ground.operatorToken }),
    /^404$/,
  ],
  [
    'The operator API by X-Forwarded-Host',
    ({ ground, host }) => ({
      path: API,
      host,
      token: ground.operatorToken,
      headers: { 'x-forwarded-host': ground.operatorHost },
    }),
    /^404$/,
  ],
  [
    'The operator API from a page of elsewhere',
    ({ ground, token }) => ({
      path: API,
      host: ground.operatorHost,
      token,
      headers: { origin: 'https://evil.example' },
    }),
    /^403$/,
  ],
  [
    'The operator API from a page without an origin',
    ({ ground, token }) => ({ path: API, host: ground.operatorHost, token, headers: { origin: 'null' } }),
    /^403$/,
  ],
  [
    'A form of a page of elsewhere',
    ({ ground, token }) => ({
      path: API,
      host: ground.operatorHost,
      token,
      headers: { 'content-type': 'text/plain' },
      body: '{"name":"x","code":"export default () => 1"}',
    }),
    /^400$/,
  ],
  [
    'Another method, by a header',
    ({ ground, token }) => ({
      path: `${API}/x`,
      method: 'POST',
      host: ground.operatorHost,
      token,
      headers: { 'x-http-method-override': 'DELETE', 'content-type': 'application/json' },
      body: '{}',
    }),
    /^(?:404|405)$/,
  ],
  [
    '/execute from a page',
    ({ ground }) => ({
      path: '/execute',
      host: ground.operatorHost,
      json: { code: 'return 1' },
      headers: { origin: 'http://127.0.0.1' },
    }),
    /^(?:401|403)$/,
  ],
  [
    '/execute from a page, as its browser says',
    ({ ground }) => ({
      path: '/execute',
      host: ground.operatorHost,
      json: { code: 'return 1' },
      headers: { 'sec-fetch-site': 'cross-site' },
    }),
    /^(?:401|403)$/,
  ],
  [
    '/execute through a proxy',
    ({ ground }) => ({
      path: '/execute',
      host: ground.operatorHost,
      json: { code: 'return 1' },
      headers: { 'x-forwarded-for': '1.2.3.4' },
    }),
    /^(?:401|403)$/,
  ],
  [
    '/execute under a name that was bound to its address',
    () => ({ path: '/execute', host: 'rebound.example', json: { code: 'return 1' } }),
    /^(?:401|403)$/,
  ],
  [
    '/execute as a tenant, without a token',
    ({ ground, tenant }) => ({ path: '/execute', host: ground.operatorHost, json: { code: 'return 1', tenant } }),
    /^401$/,
  ],
  [
    '/execute with a JWT',
    (lab) => ({
      path: '/execute',
      host: lab.ground.operatorHost,
      json: { code: 'return 1' },
      token: signed(lab, claimsOf(lab, { role: 'admin' })),
    }),
    /^(?:401|403)$/,
  ],
  [
    'A JWT that says it is an admin’s',
    (lab) => ({
      path: API,
      host: lab.ground.operatorHost,
      token: signed(lab, claimsOf(lab, { role: 'admin', roles: ['admin'], app_metadata: { role: 'admin' } })),
    }),
    /^(?:401|403)$/,
  ],
];

const asking = ([name, sent, statuses]: (typeof ASKING)[number]): Attack => ({
  ...own,
  name,
  async run(lab) {
    const answer = await lab.send(sent(lab));
    return must(statuses.test(String(answer.status)), shown(answer));
  },
});

/** What a token of a lesser role may not do. */
const LESSER: readonly (readonly [name: string, role: string, sent: (lab: Lab) => Sent])[] = [
  [
    'A user who activates what waits for review',
    'user',
    ({ tenant }) => ({ path: `${API}/x?tenant=${tenant}`, method: 'PATCH', json: { active: true } }),
  ],
  [
    'A user who makes a token',
    'user',
    ({ tenant }) => ({ path: '/api/v1/tokens', json: { name: 'x', role: 'admin', tenant } }),
  ],
  [
    'A user who sets a secret',
    'user',
    ({ tenant }) => ({
      path: `/api/v1/secrets?tenant=${tenant}`,
      method: 'PUT',
      json: { variables: [{ name: 'A', value: 'b' }] },
    }),
  ],
  [
    'A service that deploys',
    'service_role',
    ({ tenant }) => ({ path: `${API}/x`, method: 'PUT', json: { tenant, code: 'export default () => 1' } }),
  ],
  ['A service that reads', 'service_role', ({ tenant }) => ({ path: `${API}?tenant=${tenant}` })],
];

const lesser = ([name, role, sent]: (typeof LESSER)[number]): Attack => ({
  ...own,
  name,
  async run(lab) {
    const made = await lab.asOperator({ path: '/api/v1/tokens', json: { name: 'lesser', role, tenant: lab.tenant } });
    const { token } = JSON.parse(made.text) as { token: string };
    const answer = await lab.send({ host: lab.ground.operatorHost, token, ...sent(lab) });
    return must(answer.status === 403, shown(answer));
  },
});

export const IDENTITY: readonly Attack[] = [
  ...JWTS.map(bearing),
  ...ASKING.map(asking),
  ...LESSER.map(lesser),
  {
    ...own,
    name: 'A token that was revoked',
    async run(lab) {
      const made = await lab.asOperator({
        path: '/api/v1/tokens',
        json: { name: 'gone', role: 'admin', tenant: lab.tenant },
      });
      const { token, id } = JSON.parse(made.text) as { token: string; id: string };
      await lab.asOperator({ path: `/api/v1/tokens/${id}`, method: 'DELETE' });
      const answer = await lab.send({ path: API, host: lab.ground.operatorHost, token });
      return must(answer.status === 401, shown(answer));
    },
  },
];
