/** Attacks on `ctx` as data: who attacks, and with which queries. */

import type { CapabilityCaller } from '../../src/core/capability.ts';
import type { FunctionVersion } from '../../src/core/function.ts';
import { CAPABILITY_NAMES } from '../../src/core/grants.ts';
import { ANONYMOUS } from '../../src/core/principal.ts';
import type { Principal } from '../../src/core/principal.ts';
import { makeCall, makeVersion } from '../support/calls.ts';

export const MALLORY: Principal = {
  ...ANONYMOUS,
  role: 'user',
  tenant: 'acme',
  id: 'mallory',
  roles: ['service_role', 'admin'],
  claims: { sub: 'mallory', role: 'service_role', is_admin: true },
};

export const callerOf = (principal: Principal, version: Partial<FunctionVersion> = {}): CapabilityCaller => ({
  version: makeVersion('evil', { capabilities: CAPABILITY_NAMES, tenant: 'acme', ...version }),
  call: makeCall({ principal }),
});

const list = (query: unknown, slug: unknown = 'posts'): readonly [string, unknown] => ['db.list', { slug, query }];
const nest = (depth: number, key: string): unknown =>
  JSON.parse(`${`{"${key}":[`.repeat(depth)}{}${']}'.repeat(depth)}`);

/** Each is refused, or finds nothing, on every database. */
export const HOSTILE: Readonly<Record<string, readonly [method: string, params: unknown]>> = {
  'a statement in the slug': list({}, 'posts; drop table posts; --'),
  'a quote in the slug': list({}, 'posts" union select * from secrets --'),
  'a schema in the slug': list({}, 'pg_catalog.pg_authid'),
  'a table of the system': list({}, 'pg_authid'),
  'a table of Cordon’s own': list({}, 'tokens'),
  'a table without a grant': list({}, 'secrets'),
  'the prototype for a slug': list({}, '__proto__'),
  'a list for a slug': list({}, ['posts', 'secrets']),
  'an object for a slug': list({}, { toString: 'posts' }),
  'a subquery for a field': list({ fields: ['(select value from secrets)'] }),
  'a star for a field': list({ fields: ['*'] }),
  'a function for a sort': list({ sort: 'pg_sleep(10)' }),
  'a case for a sort': list({ sort: '-(case when (select 1)=1 then id else title end)' }),
  'a statement for a name in a filter': list({ filter: { "title' or '1'='1": 'x' } }),
  'a path of JSON for a name in a filter': list({ filter: { "meta->>'a'": 'x' } }),
  'an operator that is none': list({ filter: { title: { '_eq or 1=1 --': 'x' } } }),
  'an operator of another language': list({ filter: { $where: 'sleep(1000)' } }),
  'an operator of the prototype': [
    'db.list',
    JSON.parse('{"slug":"posts","query":{"filter":{"title":{"__proto__":"x"}}}}'),
  ],
  'a prototype for a query': ['db.list', JSON.parse('{"slug":"posts","query":{"__proto__":{"limit":1e9}}}')],
  'a statement for a value': list({ filter: { title: "x' or 1=1; drop table posts; --" } }),
  'a wildcard for a value': list({ filter: { title: { _contains: '%' } } }),
  'a wildcard for one character': list({ filter: { title: { _contains: '_' } } }),
  'an object for a value': list({ filter: { title: { _eq: { raw: 'select 1' } } } }),
  'a list that is huge': list({ filter: { title: { _in: Array.from({ length: 100_000 }, (_, i) => `${i}`) } } }),
  'filters that are deep': list({ filter: nest(10_000, '_and') }),
  'filters that are many': list({ filter: { _or: Array.from({ length: 50_000 }, () => ({ title: 'x' })) } }),
  'a limit beyond all': list({ limit: 1e15 }),
  'a negative offset': list({ offset: -1 }),
  'a role in the query': list({ role: 'service_role' }),
  'a role beside the query': ['db.list', { slug: 'posts', query: {}, role: 'service_role' }],
  'another tenant beside the query': ['db.list', { slug: 'posts', tenant: 'rival' }],
  'another principal beside the query': ['db.list', { slug: 'posts', principal: { role: 'admin' } }],
  'an id that is a statement': ['db.one', { slug: 'posts', id: "' or 1=1 --" }],
  'an id that is an object': ['db.one', { slug: 'posts', id: { $ne: null } }],
  'an item for somebody else': ['db.create', { slug: 'posts', data: { title: 'x', owner: 'ann' } }],
  'an item with a prototype': ['db.create', JSON.parse('{"slug":"posts","data":{"title":"x","__proto__":{"a":1}}}')],
  'a statement for the name of a field': ['db.create', { slug: 'posts', data: { 'title) values (1); --': 'x' } }],
  'a change of what is another’s': [
    'db.update',
    { slug: 'posts', id: '00000000-0000-4000-8000-000000000001', data: { title: 'x' } },
  ],
  'the end of what is another’s': ['db.delete', { slug: 'posts', id: '00000000-0000-4000-8000-000000000001' }],
  'an escape of the read': list({ filter: { title: "'; set role postgres; --" } }),
};

/** Numbers from 0 to 1, the same for each seed. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
