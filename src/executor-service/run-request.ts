/** What a CALL frame of another host says, checked. */

import type { Principal, Role } from '../core/principal.ts';
import { ANONYMOUS } from '../core/principal.ts';
import { metaBody, parseMeta, ProtocolError } from '../wire/meta.ts';
import type { RunRequest } from './run-call.ts';

export interface ReadCall {
  readonly sandbox: number;
  readonly remainingMs: number;
  readonly request: RunRequest;
}

const ROLES: ReadonlySet<unknown> = new Set<Role>(['user', 'admin', 'service_role', 'system']);
const REPLIES: ReadonlySet<unknown> = new Set<RunRequest['reply']>(['http', 'value', 'load']);
const MAX_REMAINING_MS = 3_600_000;

/** `tenant`: whose sandbox it is for. Throws a ProtocolError. */
export function readCall(payload: Buffer, tenantOf: (sandbox: number) => string): ReadCall {
  const meta = parseMeta(payload);
  if (!Array.isArray(meta)) throw new ProtocolError('a call that is not a list');
  const [sandbox, bodyKind, remainingMs, method, url, headers, reply, clientAddress, id, query, principal, upgrades] =
    meta as unknown[];
  if (typeof sandbox !== 'number' || (bodyKind !== 0 && bodyKind !== 1 && bodyKind !== 2))
    throw new ProtocolError('a call without a sandbox or a kind of body');
  if (typeof remainingMs !== 'number' || !(remainingMs >= 0 && remainingMs <= MAX_REMAINING_MS))
    throw new ProtocolError(`a call whose time is not from 0 to ${MAX_REMAINING_MS} ms`);
  if (!REPLIES.has(reply)) throw new ProtocolError('a call with an unknown kind of reply');
  if (!isTexts(headers) || headers.length % 2 !== 0) throw new ProtocolError('headers of a call that are not pairs');
  if (!isTexts([method, url, clientAddress, id])) throw new ProtocolError('a call whose fields are not texts');
  return {
    sandbox,
    remainingMs,
    request: {
      id: id as string,
      principal: principalOf(principal, tenantOf(sandbox)),
      method: method as string,
      url: url as string,
      headers,
      clientAddress: clientAddress as string,
      body: bodyKind === 2 ? 'stream' : bodyKind === 1 ? metaBody(payload) : null,
      reply: reply as RunRequest['reply'],
      query: query ?? undefined,
      upgrades: upgrades === 1,
    },
  };
}

function principalOf(meta: unknown, tenant: string): Principal {
  if (meta === null) return ANONYMOUS;
  if (!Array.isArray(meta)) throw new ProtocolError('a principal that is not a list');
  const [id, email, roles, role] = meta as unknown[];
  if (!isTextOrNull(id) || !isTextOrNull(email) || !isTexts(roles) || !ROLES.has(role))
    throw new ProtocolError('a principal without an id, an address, roles and a role');
  return { role: role as Role, tenant, id, email, roles, claims: null };
}

const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === 'string';
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');
