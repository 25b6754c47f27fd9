/** Description: the API tells what it is: `/openapi.json` for programs, `/docs` for people. Both are public. */

import type { OpenAPIHono } from '@hono/zod-openapi';
import type { ControlEnv } from './access.ts';
import { renderOpenApiPage, type OpenApiDocument, type RenderedPage } from './openapi-page.ts';

const INFO = {
  openapi: '3.1.0',
  info: { title: 'Cordon operator API', version: '1' },
  security: [{ token: [] }],
};

/** After all routes. */
export function addDescription(app: OpenAPIHono<ControlEnv>): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' });
  let document: OpenApiDocument | undefined;
  let page: RenderedPage | undefined;
  // Made once, when it is first asked for.
  const described = (): OpenApiDocument => (document ??= app.getOpenAPI31Document(INFO) as unknown as OpenApiDocument);
  app.get('/openapi.json', (c) => c.json(described()));
  app.get('/docs', (c) => {
    page ??= renderOpenApiPage(described());
    return c.html(page.html, 200, {
      'content-security-policy': page.contentSecurityPolicy,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
  });
}
