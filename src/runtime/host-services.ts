/** Host services: what functions ask of the host, by kind: `fetch`, WebSockets, and all of `ctx`. */

import { createEmbeddedDatabase } from '../capabilities/db/embedded-database.ts';
import { createItems } from '../capabilities/db/items.ts';
import { createPostgresDatabase } from '../capabilities/db/postgres-database.ts';
import { createMailer } from '../capabilities/email/mailer.ts';
import { MailSink } from '../capabilities/email/sink.ts';
import { createCapabilities } from '../capabilities/registry.ts';
import { rpcCapability } from '../capabilities/rpc-capability.ts';
import { createRpc } from '../capabilities/rpc.ts';
import { createServices } from '../capabilities/services.ts';
import type { CapabilitiesConfig } from '../config.ts';
import type { Capabilities } from '../core/capability.ts';
import type { Events } from '../core/event.ts';
import type { Items } from '../core/items.ts';
import type { RateLimits } from '../core/rate-limit.ts';
import type { Egress } from '../egress/egress.ts';
import type { Storage } from '../storage/storage.ts';

export interface HostServicesOptions {
  readonly config: CapabilitiesConfig;
  readonly storage: Storage;
  readonly egress: Egress;
  readonly events: Events;
  readonly limits: RateLimits;
  report(error: unknown): void;
  line(text: string): void;
}

export interface HostServices {
  readonly capabilities: Capabilities;
  readonly items: Items;
  /** Mail that was kept and not sent. */
  readonly mail: MailSink;
  close(): Promise<void>;
}

export function createHostServices(options: HostServicesOptions): HostServices {
  const { config, storage, egress, events, limits, report, line } = options;
  const embedded = createEmbeddedDatabase({ store: storage.items, quota: config.items, nowMs: Date.now });
  const { database } = config;
  const own = database === null ? null : createPostgresDatabase({ ...database, report });
  const items = createItems({
    databaseOf: (tenant) => (own !== null && tenant === database?.tenant ? own : embedded),
    events,
    report,
  });
  const { smtpUrl, senders, rate } = config.mail;
  const mailer = smtpUrl === null ? null : createMailer({ url: smtpUrl, report });
  const mail = new MailSink(line);
  const services = createServices({
    kv: { store: storage.kv, quota: config.kv },
    items,
    email: { mailer, sink: mail, senders, limits, rate },
    events,
    vm: null,
  });
  return {
    capabilities: createCapabilities({
      fetch: egress.fetch,
      websocket: egress.websocket,
      egress: egress.connection,
      rpc: rpcCapability(createRpc({ services, report })),
    }),
    items,
    mail,
    async close() {
      mailer?.close();
      await own?.close();
    },
  };
}
