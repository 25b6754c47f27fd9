/** Services: all that `ctx` offers, by the name before the dot. */

import type { Events } from '../core/event.ts';
import type { Items } from '../core/items.ts';
import type { RpcMethod, RpcService } from '../core/rpc.ts';
import { createDbService } from './db/db-service.ts';
import { createEmailService } from './email/email-service.ts';
import type { EmailOptions } from './email/email-service.ts';
import { createKvService } from './kv/kv-service.ts';
import type { KvOptions } from './kv/kv-service.ts';
import { createPublishService } from './publish.ts';
import { createVmService } from './vm.ts';

export interface ServicesOptions {
  readonly kv: KvOptions;
  readonly items: Items;
  readonly email: EmailOptions;
  readonly events: Events;
  /** Null: there is no VM service. */
  readonly vm: RpcMethod | null;
}

export function createServices(options: ServicesOptions): Readonly<Record<string, RpcService>> {
  return {
    kv: createKvService(options.kv),
    db: createDbService(options.items),
    email: createEmailService(options.email),
    publish: createPublishService(options.events),
    vm: createVmService(options.vm),
  };
}
