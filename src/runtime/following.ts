/** Following: what another node has changed in the database is what this one runs by, a moment later. */

import type { Change, ChangeFeed } from '../storage/storage.ts';

export interface Followers {
  readonly releases: {
    refresh(tenant: string, name: string): Promise<void>;
    refreshTenant(tenant: string): Promise<void>;
    reload(): Promise<void>;
  };
  readonly variables: { forget(tenant: string): void; forgetAll(): void };
  readonly tenants: { load(): Promise<void> };
  readonly tokens: { reload(): Promise<void> };
  report(error: unknown): void;
}

/** A feed that was silent for longer can't be trusted to tell of a change (DESIGN.md, "Settled in review" 22). */
const STALE_MS = 5_000;

export function followChanges(feed: ChangeFeed, followers: Followers): void {
  feed.subscribe((change) => {
    follow(change, followers).catch((error: unknown) => followers.report(error));
  });
}

export const isFresh = (feed: ChangeFeed): boolean => feed.staleMs() <= STALE_MS;

async function follow(change: Change, { releases, variables, tenants, tokens }: Followers): Promise<void> {
  switch (change.kind) {
    case 'function':
      return releases.refresh(change.tenant, change.name);
    case 'variables':
      variables.forget(change.tenant);
      return change.name === null
        ? releases.refreshTenant(change.tenant)
        : releases.refresh(change.tenant, change.name);
    case 'tokens':
      return tokens.reload();
    case 'tenants':
      await Promise.all([tenants.load(), tokens.reload()]);
      return;
    case 'all':
      variables.forgetAll();
      await Promise.all([tenants.load(), tokens.reload()]);
      return releases.reload();
  }
}
