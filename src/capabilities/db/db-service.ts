/** Db service: `ctx.db`: items as whoever the invocation's caller is. */

import type { CapabilityCaller } from '../../core/capability.ts';
import type { Items, Subject } from '../../core/items.ts';
import type { RpcService } from '../../core/rpc.ts';
import { paramsOf } from '../params.ts';
import { hopsOf } from '../publish.ts';

export function createDbService(items: Items): RpcService {
  return {
    methods: {
      list: {
        grant: 'db',
        run(caller, given) {
          const { slug, query } = paramsOf(given, ['slug', 'query'], 'db.list');
          return items.list(subjectOf(caller), slug, query);
        },
      },
      one: {
        grant: 'db',
        run(caller, given) {
          const { slug, id } = paramsOf(given, ['slug', 'id'], 'db.one');
          return items.one(subjectOf(caller), slug, id);
        },
      },
      create: {
        grant: 'db:write',
        run(caller, given) {
          const { slug, data } = paramsOf(given, ['slug', 'data'], 'db.create');
          return items.create(subjectOf(caller), slug, data);
        },
      },
      update: {
        grant: 'db:write',
        run(caller, given) {
          const { slug, id, data } = paramsOf(given, ['slug', 'id', 'data'], 'db.update');
          return items.update(subjectOf(caller), slug, id, data);
        },
      },
      delete: {
        grant: 'db:write',
        run(caller, given) {
          const { slug, id } = paramsOf(given, ['slug', 'id'], 'db.delete');
          return items.delete(subjectOf(caller), slug, id);
        },
      },
    },
  };
}

/** The host's word alone: the tenant is the function's, the principal the invocation's. */
const subjectOf = (caller: CapabilityCaller): Subject => ({
  tenant: caller.version.tenant,
  principal: caller.call.principal,
  hops: hopsOf(caller),
});
