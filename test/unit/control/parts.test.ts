import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { createControlApp } from '../../../src/control/app.ts';
import type { ControlDeps } from '../../../src/control/deps.ts';
import { ANONYMOUS, type Principal } from '../../../src/core/principal.ts';
import { CALLERS } from './operator-server.ts';

/** No part may be reached here, so that none needs what it works with. */
const reported: unknown[] = [];
const server = createServer(
  createControlApp({
    authenticate: (authorization: string | undefined): Principal =>
      authorization === undefined ? ANONYMOUS : CALLERS[authorization]!,
    report: (error: unknown) => void reported.push(error),
  } as ControlDeps),
);
let url: string;

interface Described {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, { summary?: string; responses: Record<string, unknown> }>>;
  readonly components: { readonly schemas: Record<string, unknown> };
}
let described: Described;

before(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  described = (await (await fetch(`${url}/openapi.json`)).json()) as Described;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

const operations = (): [method: string, path: string][] =>
  Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method): [string, string] => [method.toUpperCase(), path]),
  );

test('the description names every route, what it does and how it fails', () => {
  assert.equal(described.openapi, '3.1.0');
  for (const path of [
    '/api/v1/functions',
    '/api/v1/functions/{name}',
    '/api/v1/functions/{name}/versions',
    '/api/v1/functions/{name}/rollback',
    '/api/v1/functions/{name}/invoke',
    '/api/v1/functions/{name}/logs',
    '/api/v1/functions/{name}/secrets',
    '/api/v1/invocations/{id}',
    '/api/v1/secrets',
    '/api/v1/services',
    '/api/v1/services/{id}/invoke',
    '/api/functions/{name}/invoke',
    '/api/v1/tokens',
    '/api/v1/tenants',
    '/api/v1/audit',
  ])
    assert.ok(described.paths[path], path);
  for (const [path, methods] of Object.entries(described.paths)) {
    for (const [method, { summary, responses }] of Object.entries(methods)) {
      assert.ok(summary, `${method} ${path} has no summary`);
      assert.ok(responses['default'], `${method} ${path} says nothing of faults`);
    }
  }
  assert.ok(described.components.schemas['Problem']);
});

test('no route is there without a token, for a token of an application, or for service_role unless it invokes', async () => {
  assert.ok(operations().length > 30);
  for (const [method, path] of operations()) {
    const status = async (authorization?: string): Promise<number> => {
      const headers = authorization === undefined ? {} : { authorization };
      const response = await fetch(`${url}${path.replaceAll(/\{\w+\}/g, 'x')}/`, { method, headers });
      await response.body?.cancel();
      return response.status;
    };
    // An application's users come here too; what each may do, items.test.ts asks.
    if (path.startsWith('/api/items/')) continue;
    const invokes = path.endsWith('/invoke') || path === '/api/v1/invocations/{id}';
    assert.deepEqual([await status(), await status('jwt')], [401, 403], `${method} ${path}`);
    if (!invokes) assert.equal(await status('service'), 403, `${method} ${path}`);
  }
  assert.deepEqual(reported, []);
});

test('the page shows every route', async () => {
  const page = await (await fetch(`${url}/docs`)).text();
  for (const [, path] of operations()) assert.ok(page.includes(`<code>${path}</code>`), path);
  assert.ok(!page.includes('[object Object]'));
});
