/**
 * The operator API: functions and their logs over HTTP.
 *
 * Every route needs the admin token, in a header: a browser adds no such header by itself, so that no page can act for
 * an operator who has one open.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { Fault, toFault } from '../core/faults.ts';
import { MB } from '../core/limits.ts';
import type { Principal } from '../core/principal.ts';
import { problemOf } from '../core/problem.ts';
import type { ControlDeps } from './deps.ts';
import { addFunctions } from './functions.ts';
import { issuesOf } from './issues.ts';
import { addLogs } from './logs.ts';

export type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

const MAX_BODY_BYTES = 16 * MB;

export function createControlApp(deps: ControlDeps): RequestListener {
  // Not strict: a trailing slash makes no difference.
  const app = new OpenAPIHono({ strict: false, defaultHook: refuseInvalid });
  app.onError((error) => problemResponse(error, deps));
  app.notFound((c) =>
    problemResponse(
      new Fault('NOT_FOUND', `There is no ${c.req.method} ${c.req.path.slice(0, 200)} in this API`),
      deps,
    ),
  );
  app.use(async (c, next) => {
    requireAdmin(deps.authenticate(c.req.header('authorization')));
    await next();
  });
  app.use(async (c, next) => {
    if (c.req.method === 'PUT' || c.req.method === 'POST') {
      requireJson(c);
      Object.assign(c.req.bodyCache, { text: Promise.resolve(await boundedBody(c)) });
    }
    await next();
  });
  addFunctions(app, deps);
  addLogs(app, deps);
  addDescription(app);
  return listener(app, deps);
}

function addDescription(app: OpenAPIHono): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'adminToken', { type: 'http', scheme: 'bearer' });
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Cordon operator API', version: '1' },
    security: [{ adminToken: [] }],
  });
}

function listener(app: OpenAPIHono, deps: ControlDeps): RequestListener {
  const listen = getRequestListener(app.fetch, {
    // The host process keeps the globals that Node gave it.
    overrideGlobalObjects: false,
    // What can't even become a Request: a Host header or a target that is no URL.
    errorHandler: () =>
      problemResponse(new Fault('BAD_REQUEST', 'The request line or the Host header is not valid'), deps),
  });
  return (request, response) => {
    listen(request, response).catch((error: unknown) => {
      deps.report(error);
      response.destroy();
    });
  };
}

function requireAdmin(principal: Principal): void {
  if (principal.role === 'admin') return;
  if (principal.role !== 'anonymous') throw new Fault('FORBIDDEN', 'The operator API is for the admin token alone');
  throw new Fault('UNAUTHORIZED', 'Send the admin token as "Authorization: Bearer <token>"');
}

/** Without this check a body of another type would be read as an empty one, and every field be missing. */
function requireJson(c: Context): void {
  const type = c.req.header('content-type');
  if (type !== undefined && /^application\/json *(;|$)/i.test(type)) return;
  throw new Fault(
    'BAD_REQUEST',
    `The content-type must be application/json, but it is ${type === undefined ? 'missing' : JSON.stringify(type.slice(0, 100))}`,
  );
}

/** The framework's own bound makes a new Request of this one, which needs the globals that are left alone here. */
async function boundedBody(c: Context): Promise<string> {
  if (Number(c.req.header('content-length') ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of c.req.raw.body ?? []) {
      length += chunk.length;
      if (length > MAX_BODY_BYTES) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof Fault ? error : new Fault('CANCELLED', 'The client went away before its body had ended');
  }
  return Buffer.concat(chunks).toString('utf8');
}

const tooLarge = (): Fault =>
  new Fault('BODY_TOO_LARGE', `The body of a deployment may have at most ${MAX_BODY_BYTES / MB} MB`);

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

function problemResponse(error: unknown, deps: ControlDeps): Response {
  const fault = faultOf(error);
  if (fault.code === 'INTERNAL') deps.report(error);
  const { status, headers, body } = problemOf(fault);
  // What is left of a large body is not read, so that the connection is of no further use.
  const connection = fault.code === 'BODY_TOO_LARGE' ? { connection: 'close' } : {};
  return new Response(body, { status, headers: { ...headers, ...connection } });
}

function faultOf(error: unknown): Fault {
  // The framework's own refusals: a body that is no JSON.
  if (error instanceof HTTPException && error.status === 400)
    return new Fault('BAD_REQUEST', `${error.message}: it must be JSON`);
  return toFault(error);
}
