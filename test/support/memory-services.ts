/** The host services of `ctx` over real storage in a folder of the test's own, with events that are kept and mail that is not sent. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmbeddedDatabase } from '../../src/capabilities/db/embedded-database.ts';
import type { Database } from '../../src/capabilities/db/database.ts';
import { createItems } from '../../src/capabilities/db/items.ts';
import { MailSink } from '../../src/capabilities/email/sink.ts';
import { createRpc } from '../../src/capabilities/rpc.ts';
import { createServices } from '../../src/capabilities/services.ts';
import type { Events, NewEvent } from '../../src/core/event.ts';
import type { Items } from '../../src/core/items.ts';
import type { RateRule } from '../../src/core/rate-limit.ts';
import type { Rpc } from '../../src/core/rpc.ts';
import { createRateLimits } from '../../src/gateway/rate-limits.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';

export interface TestServices {
  readonly rpc: Rpc;
  readonly items: Items;
  readonly storage: Storage;
  readonly sink: MailSink;
  readonly published: NewEvent[];
  /** Errors that functions are told nothing about. */
  readonly reported: unknown[];
  close(): Promise<void>;
}

export interface TestServicesOptions {
  readonly senders?: readonly string[];
  readonly mailRate?: RateRule;
  readonly nowMs?: () => number;
  /** What publishing does besides being kept. */
  readonly onPublish?: (event: NewEvent) => void;
  /** In the place of the embedded one. */
  readonly database?: Database;
}

export async function startServices(options: TestServicesOptions = {}): Promise<TestServices> {
  const { senders = [], mailRate = { limit: 1_000, windowSeconds: 60 }, nowMs = Date.now } = options;
  const folder = await mkdtemp(join(tmpdir(), 'cordon-services-'));
  const storage = await openSqliteStorage(folder);
  const published: NewEvent[] = [];
  const reported: unknown[] = [];
  const report = (error: unknown): void => void reported.push(error);
  const events: Events = {
    async publish(event) {
      options.onPublish?.(event);
      published.push(event);
      return { id: event.id ?? `event-${published.length}`, deliveries: 1, duplicate: false };
    },
  };
  const embedded = createEmbeddedDatabase({
    store: storage.items,
    quota: { entries: 10_000, bytes: 10_000_000 },
    nowMs,
  });
  const items = createItems({ databaseOf: () => options.database ?? embedded, events, report, nowMs });
  const sink = new MailSink(() => undefined);
  const services = createServices({
    kv: { store: storage.kv, quota: { entries: 1_000, bytes: 1_000_000 }, nowMs },
    items,
    email: { mailer: null, sink, senders, limits: await createRateLimits(null), rate: mailRate },
    events,
    vm: null,
  });
  return {
    rpc: createRpc({ services, report }),
    items,
    storage,
    sink,
    published,
    reported,
    async close() {
      await storage.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
