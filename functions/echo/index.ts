/** Says what it was told: a function of a project, with its settings in ../config.toml and a shared import. */

import { reply } from '../_shared/reply.ts';

Deno.serve(async (request) => {
  if (request.method !== 'POST') return reply({ error: 'send something by POST' }, 405);
  return reply({ greeting: Deno.env.get('GREETING'), text: await request.text() });
});

/** What of Deno's API this function uses; `cordon types` writes these for a project of yours. */
declare const Deno: {
  serve(handler: (request: Request) => Promise<Response>): void;
  readonly env: { get(name: string): string | undefined };
};
