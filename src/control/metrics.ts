/** Metrics: the state of this host for Prometheus, which sends the operator's token as a bearer token. */

import { createRoute } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { principalOf, requireOperator, type ControlEnv } from './access.ts';
import { problem } from './shared.ts';

export interface MetricsDeps {
  readonly metrics: {
    /** In the text format of Prometheus. */
    text(): string;
  };
}

export function addMetrics(app: OpenAPIHono<ControlEnv>, { metrics }: MetricsDeps): void {
  app.openapi(metricsRoute, (c) => {
    // It names every tenant.
    requireOperator(principalOf(c));
    return c.body(metrics.text(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  });
}

const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  summary: 'Metrics for Prometheus',
  responses: { 200: { description: 'The text format, version 0.0.4' }, default: problem },
});
