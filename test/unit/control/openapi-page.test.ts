import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { addAuditLog } from '../../../src/control/audit-log.ts';
import { addDescription } from '../../../src/control/description.ts';
import { renderOpenApiPage } from '../../../src/control/openapi-page.ts';
import { startOperatorServer } from './operator-server.ts';

const HOSTILE = '<script>alert(1)</script>"\'&';

test('the page shows every operation and every schema, and links one to the other', () => {
  const { html } = renderOpenApiPage({
    info: { title: 'The API', version: '1' },
    paths: {
      '/api/v1/things/{id}': {
        get: {
          summary: 'Show a thing',
          parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
          responses: {
            200: {
              description: 'The thing',
              content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } },
            },
            default: { description: 'A fault' },
          },
        },
        delete: { summary: 'Delete a thing', responses: { 204: { description: 'It is gone' } } },
      },
    },
    components: {
      schemas: {
        Thing: {
          type: 'object',
          required: ['size'],
          properties: {
            size: { type: 'integer', minimum: 1, maximum: 9, description: 'How large', default: 3 },
            kind: { enum: ['a', 'b'] },
            parts: { type: 'array', items: { $ref: '#/components/schemas/Thing' } },
            inner: { type: 'object', properties: { deep: { type: ['string', 'null'] } } },
          },
        },
      },
    },
  });
  for (const part of [
    'id="group-things"',
    '<span class="method">GET</span> <code>/api/v1/things/{id}</code>',
    '<span class="method">DELETE</span>',
    'id (path)</code> <em>required</em>',
    'any other status',
    '<a href="#schema-Thing">Thing</a>',
    'id="schema-Thing"',
    'integer ≥ 1 ≤ 9',
    'How large Default <code>3</code>.',
    '<code>&quot;a&quot;</code> | <code>&quot;b&quot;</code>',
    '<a href="#schema-Thing">Thing</a>[]',
    'string | null',
  ])
    assert.ok(html.includes(part), part);
});

test('nothing of the document becomes markup', () => {
  const schema = {
    type: HOSTILE,
    description: HOSTILE,
    default: HOSTILE,
    pattern: HOSTILE,
    enum: undefined,
    properties: { [HOSTILE]: { const: HOSTILE, description: HOSTILE } },
  };
  const { html } = renderOpenApiPage({
    info: { title: HOSTILE, version: '1', description: HOSTILE },
    paths: {
      [`/${HOSTILE}`]: {
        get: {
          summary: HOSTILE,
          parameters: [{ name: HOSTILE, in: HOSTILE, schema: { ...schema, format: HOSTILE } }],
          requestBody: { content: { [HOSTILE]: { schema: { $ref: `#/${HOSTILE}` } } } },
          responses: { [HOSTILE]: { description: HOSTILE, content: { [HOSTILE]: { schema } } } },
        },
      },
    },
    components: { schemas: { [HOSTILE]: schema } },
  });
  assert.ok(!/<script|"'|&(?!amp;|lt;|gt;|quot;|#39;)/.test(html.replace(/<style>[^]*<\/style>/, '')));
});

test('the page allows its own style and nothing else', async (t) => {
  const server = await startOperatorServer((app) => {
    addAuditLog(app, { auditLog: { read: () => Promise.resolve([]) } });
    addDescription(app);
  });
  t.after(() => server.close());
  for (const path of ['/docs', '/docs/']) {
    const { status, headers, body } = await server.call('', 'GET', path);
    assert.equal(status, 200);
    assert.match(headers.get('content-type') ?? '', /^text\/html/);
    const style = /<style>([^]*)<\/style>/.exec(body)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    assert.equal(
      headers.get('content-security-policy'),
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    assert.ok(!/<script| style=| on\w+=/.test(body));
    assert.ok(body.includes('/api/v1/audit'));
  }
  const document = await server.call('', 'GET', '/openapi.json');
  assert.deepEqual([document.status, document.body.openapi], [200, '3.1.0']);
  assert.deepEqual(Object.keys(document.body.paths), ['/api/v1/audit']);
  assert.deepEqual(Object.keys(document.body.components.securitySchemes), ['token']);
});
