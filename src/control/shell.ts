/**
 * The shell of the operator API: what happens to every request before its route, and to every error after it.
 *
 * A principal comes from a header that no browser adds by itself, so that no page can act for an operator who has one
 * open; cookies mean nothing here, and a page of another origin is refused although it had a token.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { z } from '@hono/zod-openapi';
import type { Context, Next } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { Fault, toFault } from '../core/faults.ts';
import { MB } from '../core/limits.ts';
import type { Principal } from '../core/principal.ts';
import { problemOf } from '../core/problem.ts';
import { requireEntry, type ControlEnv } from './access.ts';
import { issuesOf } from './issues.ts';

export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

export interface ShellDeps {
  /** Throws (or rejects with) UNAUTHORIZED for a header that it doesn't accept; ANONYMOUS where there is none. */
  authenticate(authorization: string | undefined): Principal | Promise<Principal>;
  /** The same for `/api/items`, where an application's users come with their JWTs; default: as everywhere. */
  authenticateUser?(authorization: string | undefined): Principal | Promise<Principal>;
  /** Origins of pages, as a browser writes them, that may call the API from elsewhere; default: none. */
  readonly allowedOrigins?: readonly string[];
  /** Hears of errors that the client is told nothing about. */
  report(error: unknown): void;
}

const MAX_BODY_BYTES = 16 * MB;
/** Where nobody has to show a token. */
const MAX_OPEN_BODY_BYTES = MB;

const ITEMS_PREFIX = '/api/items/';

/** Says nothing of any tenant. */
const PUBLIC_PATHS: ReadonlySet<string> = new Set(['/openapi.json', '/docs']);

export function createShell(deps: ShellDeps): OpenAPIHono<ControlEnv> {
  // Not strict: a trailing slash makes no difference.
  const app = new OpenAPIHono<ControlEnv>({ strict: false, defaultHook: refuseInvalid });
  app.onError((error, c) => problemResponse(error, deps, c));
  app.notFound((c) =>
    problemResponse(
      new Fault('NOT_FOUND', `There is no ${c.req.method} ${c.req.path.slice(0, 200)} in this API`),
      deps,
      c,
    ),
  );
  app.use((c, next) => originChecked(c, next, deps.allowedOrigins ?? []));
  app.use(async (c, next) => {
    if (!(isRead(c.req.method) && PUBLIC_PATHS.has(withoutSlash(c.req.path)))) {
      c.set('principal', await principalFor(c, deps));
    }
    if (!isRead(c.req.method)) await readBody(c);
    await next();
  });
  return app;
}

export function listenerOf(app: OpenAPIHono<ControlEnv>, deps: Pick<ShellDeps, 'report'>): RequestListener {
  const listen = getRequestListener(app.fetch, {
    // The host process keeps the globals that Node gave it.
    overrideGlobalObjects: false,
    // What can't even become a Request: a Host header or a target that is no URL.
    errorHandler: () =>
      problemResponse(new Fault('BAD_REQUEST', 'The request line or the Host header is not valid'), deps, null),
  });
  return (request, response) => {
    listen(request, response).catch((error: unknown) => {
      deps.report(error);
      response.destroy();
    });
  };
}

/** Throws UNAUTHORIZED or FORBIDDEN. What is open to an application's users decides for itself what each may do. */
async function principalFor(c: Context, deps: ShellDeps): Promise<Principal> {
  const authorization = c.req.header('authorization');
  if (c.req.path.startsWith(ITEMS_PREFIX)) return (deps.authenticateUser ?? deps.authenticate)(authorization);
  const principal = await deps.authenticate(authorization);
  requireEntry(principal, c.req.method, c.req.path);
  return principal;
}

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';
const withoutSlash = (path: string): string => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path);

/** A browser names the page that calls: it must be one of this host, or one that the operator allowed. */
async function originChecked(c: Context, next: Next, allowed: readonly string[]): Promise<Response | void> {
  const origin = c.req.header('origin');
  if (origin === undefined || isSameHost(origin, c.req.header('host'))) return next();
  if (!allowed.includes(origin))
    throw new Fault(
      'FORBIDDEN',
      `A page of the origin ${JSON.stringify(origin.slice(0, 200))} may not call the operator API`,
    );
  c.header('access-control-allow-origin', origin);
  c.header('vary', 'origin');
  if (c.req.method !== 'OPTIONS' || c.req.header('access-control-request-method') === undefined) return next();
  c.header('access-control-allow-methods', 'GET, POST, PUT, PATCH, DELETE');
  c.header('access-control-allow-headers', 'authorization, content-type, if-match, idempotency-key, prefer');
  c.header('access-control-max-age', '600');
  return c.body(null, 204);
}

function isSameHost(origin: string, host: string | undefined): boolean {
  return URL.parse(origin)?.host === host?.toLowerCase();
}

/** Reads what there is, once and bounded; whoever asks the request for its text or JSON gets this. */
async function readBody(c: Context): Promise<void> {
  const length = c.req.header('content-length');
  const isEmpty = length === undefined ? c.req.header('transfer-encoding') === undefined : Number(length) === 0;
  if (!isEmpty) requireJson(c);
  Object.assign(c.req.bodyCache, { text: Promise.resolve(await boundedBody(c)) });
}

/** CloudEvents come in types of their own, or as any text beside their headers. */
const EVENTS_PATH = '/api/events';
const EVENT_TYPES = /^(?:application\/cloudevents(?:-batch)?\+json|text\/[a-z0-9.+-]+) *(?:;|$)/i;

/** Without this check a body of another type would be read as an empty one, and every field be missing. */
function requireJson(c: Context): void {
  const type = c.req.header('content-type');
  if (type !== undefined && /^application\/json *(;|$)/i.test(type)) return;
  if (type !== undefined && withoutSlash(c.req.path) === EVENTS_PATH && EVENT_TYPES.test(type)) return;
  throw new Fault(
    'BAD_REQUEST',
    `The content-type must be application/json, but it is ${type === undefined ? 'missing' : JSON.stringify(type.slice(0, 100))}`,
  );
}

/** The framework's own bound makes a new Request of this one, which needs the globals that are left alone here. */
async function boundedBody(c: Context): Promise<string> {
  const maxBytes = c.req.path.startsWith(ITEMS_PREFIX) ? MAX_OPEN_BODY_BYTES : MAX_BODY_BYTES;
  const announced = c.req.header('content-length');
  if (Number(announced ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    // HTTP holds a body to the length that it announced; and this way it makes no stream of it.
    if (announced !== undefined) return await c.req.raw.text();
    for await (const chunk of c.req.raw.body ?? []) {
      length += chunk.length;
      if (length > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof Fault ? error : new Fault('CANCELLED', 'The client went away before its body had ended');
  }
  return Buffer.concat(chunks).toString('utf8');
}

const tooLarge = (maxBytes: number): Fault =>
  new Fault('BODY_TOO_LARGE', `The body of a request to this API may have at most ${maxBytes / MB} MB`);

async function refuseInvalid(
  result: { target: string } & ({ success: true } | { success: false; error: z.ZodError }),
  c: Context,
): Promise<void> {
  if (result.success) return;
  const input: unknown =
    result.target === 'json' ? await c.req.json() : result.target === 'query' ? c.req.query() : c.req.param();
  const issues = issuesOf(result.error, input);
  throw new Fault('BAD_REQUEST', issues.length === 1 ? issues[0]! : `The request is not valid: ${issues.join('; ')}`, {
    issues,
  });
}

/** With what the route has said already (rate limits), where there was a route. */
function problemResponse(error: unknown, deps: Pick<ShellDeps, 'report'>, c: Context | null): Response {
  const fault = faultOf(error);
  if (fault.code === 'INTERNAL') deps.report(error);
  const { status, headers, body } = problemOf(fault);
  // What is left of a large body is not read, so that the connection is of no further use.
  const connection = fault.code === 'BODY_TOO_LARGE' ? { connection: 'close' } : {};
  const all = { ...headers, ...connection };
  return c === null
    ? new Response(body, { status, headers: all })
    : c.newResponse(body, status as ContentfulStatusCode, all);
}

function faultOf(error: unknown): Fault {
  // The framework's own refusals: a body that is no JSON.
  if (error instanceof HTTPException && error.status === 400)
    return new Fault('BAD_REQUEST', `${error.message}: it must be JSON`);
  return toFault(error);
}
