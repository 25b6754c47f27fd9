/** The shell of the operator API on a real listener, with the routes that a test adds, and callers of every role. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { ControlEnv } from '../../../src/control/access.ts';
import { createShell, listenerOf, type ShellDeps } from '../../../src/control/shell.ts';
import { Fault } from '../../../src/core/faults.ts';
import { ANONYMOUS, OPERATOR, type Principal, type Role } from '../../../src/core/principal.ts';

const principal = (role: Role, tenant: string | null, id: string, claims: Principal['claims'] = null): Principal => ({
  role,
  tenant,
  id,
  email: null,
  roles: [],
  claims,
});

/** By token. */
export const CALLERS: Readonly<Record<string, Principal>> = {
  operator: OPERATOR,
  acme: principal('admin', 'acme', 'acme-admin'),
  user: principal('user', 'acme', 'acme-user'),
  service: principal('service_role', 'acme', 'acme-service'),
  jwt: principal('user', null, 'somebody', { sub: 'somebody' }),
};

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- any JSON
  readonly body: any;
}

export interface OperatorServer {
  readonly url: string;
  /** Errors that the client is told nothing about. */
  readonly reported: unknown[];
  /** `as`: one of {@link CALLERS}; '' sends no token. */
  call(as: string, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

export async function startOperatorServer(
  add: (app: OpenAPIHono<ControlEnv>) => void,
  options: Partial<ShellDeps> = {},
): Promise<OperatorServer> {
  const reported: unknown[] = [];
  const deps: ShellDeps = {
    authenticate(authorization) {
      if (authorization === undefined) return ANONYMOUS;
      const caller = CALLERS[/^(?:Bearer|Token) (\w+)$/.exec(authorization)?.[1] ?? ''];
      if (caller === undefined) throw new Fault('UNAUTHORIZED', 'The token is not valid');
      // As a token that has to be looked up.
      return caller === OPERATOR ? caller : Promise.resolve(caller);
    },
    report: (error) => void reported.push(error),
    ...options,
  };
  const app = createShell(deps);
  add(app);
  const server = createServer(listenerOf(app, deps));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    reported,
    async call(as, method, path, body, headers = {}) {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...(as === '' ? {} : { authorization: `Token ${as}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json') === true;
      return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
