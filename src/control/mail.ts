/** Mail: what functions sent while no mail server is configured, for whoever develops them. */

import { createRoute, z } from '@hono/zod-openapi';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { KeptMail, MailAddress } from '../core/mail.ts';
import { principalOf, requireAdmin, tenantFor, type ControlEnv } from './access.ts';
import { json, problem, tenantSchema } from './shared.ts';

export interface MailDeps {
  readonly mail: {
    /** Newest first. */
    list(tenant: string): readonly KeptMail[];
  };
}

export function addMail(app: OpenAPIHono<ControlEnv>, { mail }: MailDeps): void {
  app.openapi(mailRoute, (c) => {
    const principal = principalOf(c);
    requireAdmin(principal);
    const tenant = tenantFor(principal, c.req.valid('query').tenant);
    return c.json({ mail: mail.list(tenant).map(shownOf) }, 200);
  });
}

function shownOf({ sentMs, tenant: _tenant, functionName, from, to, cc, bcc, replyTo, ...rest }: KeptMail): ShownMail {
  return {
    ...rest,
    function: functionName,
    from: textOf(from),
    to: to.map(textOf),
    cc: cc.map(textOf),
    bcc: bcc.map(textOf),
    replyTo: replyTo === null ? null : textOf(replyTo),
    sentAt: new Date(sentMs).toISOString(),
  };
}

const textOf = ({ name, address }: MailAddress): string => (name === '' ? address : `${name} <${address}>`);

type ShownMail = z.output<typeof mailSchema>;

const mailSchema = z
  .object({
    id: z.string(),
    function: z.string(),
    from: z.string(),
    to: z.array(z.string()),
    cc: z.array(z.string()),
    bcc: z.array(z.string()),
    replyTo: z.string().nullable(),
    subject: z.string(),
    text: z.string(),
    html: z.string().nullable(),
    sentAt: z.string(),
  })
  .openapi('KeptMail');

const mailRoute = createRoute({
  method: 'get',
  path: '/api/v1/mail',
  summary: 'The last mail of a tenant that was kept, and not sent, because no mail server is configured',
  request: { query: tenantSchema },
  responses: { 200: json(z.object({ mail: z.array(mailSchema) }), 'Newest first'), default: problem },
});
