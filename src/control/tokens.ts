/** Tokens: admins make, list and revoke the tokens of the operator API over HTTP. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Audit } from '../core/audit.ts';
import { Fault } from '../core/faults.ts';
import type { Principal } from '../core/principal.ts';
import type { TenantStore } from '../core/tenant.ts';
import type { TokenRecord, TokenRole } from '../core/token.ts';
import { actorOf, principalOf, requireAdmin, requireOperator, tenantFor, type ControlEnv } from './access.ts';
import { json, problem, tenantSchema } from './shared.ts';

export interface TokensDeps {
  readonly tokens: TokenRegistry;
  readonly tenants: Pick<TenantStore, 'find'>;
  readonly audit: Audit;
}

export interface TokenRegistry {
  /** `token` is its text, which can't be had again. */
  create(wanted: {
    readonly name: string;
    readonly tenant: string | null;
    readonly role: TokenRole;
    /** Null: it does not expire. */
    readonly ttlSeconds: number | null;
  }): Promise<{ readonly token: string; readonly record: TokenRecord }>;
  /** Newest first, revoked ones too; null: of every tenant. */
  list(tenant: string | null): Promise<TokenRecord[]>;
  /** False where `tenant` (null: any) has no such token that is not revoked already. */
  revoke(id: string, tenant: string | null): Promise<boolean>;
}

const DAY_SECONDS = 86_400;

export function addTokens(app: OpenAPIHono<ControlEnv>, deps: TokensDeps): void {
  app.openapi(listTokensRoute, async (c) => {
    const by = adminOf(principalOf(c));
    const { tenant } = c.req.valid('query');
    const records = await deps.tokens.list(tenant === undefined ? by.tenant : tenantFor(by, tenant));
    return c.json({ tokens: records.map(shownOf) }, 200);
  });
  app.openapi(createTokenRoute, async (c) => {
    const by = adminOf(principalOf(c));
    const { name, role, expiresInDays, ...body } = c.req.valid('json');
    const tenant = await scopeOf(deps, by, body.tenant);
    const ttlSeconds = expiresInDays == null ? null : Math.max(1, Math.round(expiresInDays * DAY_SECONDS));
    const { token, record } = await deps.tokens.create({ name, tenant, role, ttlSeconds });
    note(deps, by, 'token.create', tenant, record.id, { name, role, expiresMs: record.expiresMs });
    c.header('cache-control', 'no-store');
    return c.json({ ...shownOf(record), token }, 201);
  });
  app.openapi(revokeTokenRoute, async (c) => {
    const by = adminOf(principalOf(c));
    const { id } = c.req.valid('param');
    if (!(await deps.tokens.revoke(id, by.tenant)))
      throw new Fault('NOT_FOUND', `There is no valid token with the id ${JSON.stringify(id.slice(0, 80))}`);
    note(deps, by, 'token.revoke', by.tenant, id, {});
    return c.body(null, 204);
  });
}

function adminOf(principal: Principal): Principal {
  requireAdmin(principal);
  return principal;
}

/** Whose token it will be; null is asked for in so many words, and by an operator only. */
async function scopeOf(deps: TokensDeps, by: Principal, named: string | null | undefined): Promise<string | null> {
  if (named === null) {
    requireOperator(by);
    return null;
  }
  const tenant = tenantFor(by, named);
  if ((await deps.tenants.find(tenant)) === null) throw new Fault('NOT_FOUND', `There is no tenant ${tenant}`);
  return tenant;
}

function note(
  deps: TokensDeps,
  by: Principal,
  action: string,
  tenant: string | null,
  id: string,
  details: Record<string, unknown>,
): void {
  deps.audit.record({ actor: actorOf(by), action, tenant, target: id, outcome: 'ok', details });
}

function shownOf(record: TokenRecord): z.output<typeof tokenSchema> {
  const { id, name, tenant, role, createdMs, expiresMs, revokedMs, lastUsedMs } = record;
  return {
    id,
    name,
    tenant,
    role,
    createdAt: new Date(createdMs).toISOString(),
    expiresAt: timeOf(expiresMs),
    revokedAt: timeOf(revokedMs),
    lastUsedAt: timeOf(lastUsedMs),
  };
}

const timeOf = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

const TOKENS_PATH = '/api/v1/tokens';

const roleSchema = z.enum(['admin', 'user', 'service_role']).openapi({
  description: '`admin` manages; `user` deploys what an admin has to activate; `service_role` invokes only',
});

const shownFields = {
  id: z.string(),
  name: z.string(),
  tenant: z.string().nullable().openapi({ description: 'null: every tenant' }),
  role: roleSchema,
  createdAt: z.string(),
  expiresAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
  lastUsedAt: z.string().nullable().openapi({ description: 'To the minute' }),
};

const tokenSchema = z.object(shownFields).openapi('Token');

const createdTokenSchema = z
  .object({ ...shownFields, token: z.string().openapi({ description: 'Shown this once' }) })
  .openapi('CreatedToken');

const newTokenSchema = z
  .strictObject({
    name: z.string().openapi({ description: 'What it is for' }),
    role: roleSchema,
    tenant: z.string().nullable().optional().openapi({
      description: "Default: your token's own tenant, else `default`; null: every tenant (operators only)",
    }),
    expiresInDays: z.number().positive().max(3_650).nullable().optional().openapi({ description: 'Default: never' }),
  })
  .openapi('NewToken');

const idSchema = z.strictObject({ id: z.string() });

const listTokensRoute = createRoute({
  method: 'get',
  path: TOKENS_PATH,
  summary: 'List tokens, newest first, revoked ones too',
  request: { query: tenantSchema },
  responses: { 200: json(z.object({ tokens: z.array(tokenSchema) }), 'Without their texts'), default: problem },
});

const createTokenRoute = createRoute({
  method: 'post',
  path: TOKENS_PATH,
  summary: 'Make a token',
  request: { body: { ...json(newTokenSchema, 'The token'), required: true } },
  responses: { 201: json(createdTokenSchema, 'With its text, which is not shown again'), default: problem },
});

const revokeTokenRoute = createRoute({
  method: 'delete',
  path: `${TOKENS_PATH}/{id}`,
  summary: 'Revoke a token; it is refused from this moment on',
  request: { params: idSchema },
  responses: { 204: { description: 'It is refused' }, default: problem },
});
