/** Function record: what is kept of a function and of each of its versions, without code, and the store of them. */

import type { SourceFiles } from './deployment.ts';
import type { Artifact, VersionSettings } from './function.ts';

/** `http`: by its route. `event`, `cron`: by what its pattern names. */
export interface Trigger {
  readonly kind: 'http' | 'event' | 'cron';
  /** `items:posts:*`, or five fields of cron; null for `http`. */
  readonly pattern: string | null;
}

export const HTTP_TRIGGER: Trigger = Object.freeze({ kind: 'http', pattern: null });

export interface VersionRecord extends VersionSettings {
  readonly number: number;
  /** SHA-256 of the sources and the entry. */
  readonly hash: string;
  /** The version's own variables; secrets lie elsewhere. */
  readonly env: Readonly<Record<string, string>>;
  readonly grant: readonly string[] | null;
  /** Bytes of the bundle. */
  readonly codeBytes: number;
  /** The id of the principal who deployed it. */
  readonly createdBy: string;
  /** An admin deployed it. Any other runs only where an admin has put it: live, as the canary, or under an alias. */
  readonly reviewed: boolean;
  readonly createdMs: number;
}

/** With what a sandbox loads. */
export interface StoredVersion extends VersionRecord {
  readonly tenant: string;
  readonly name: string;
  readonly artifact: Artifact;
}

export interface Canary {
  readonly number: number;
  /** 0 to 1. */
  readonly weight: number;
  readonly startedMs: number;
}

export interface FunctionRecord {
  /** UUID. */
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly active: boolean;
  readonly trigger: Trigger;
  /** Unique over all tenants. */
  readonly publicDomain: string | null;
  /** An operator approved it; it answers only then. */
  readonly publicDomainApproved: boolean;
  /** Null: none of its versions is live. */
  readonly live: VersionRecord | null;
  readonly canary: Canary | null;
  readonly aliases: Readonly<Record<string, number>>;
  /** The one that was live before, for a rollback without a number. */
  readonly previousNumber: number | null;
  /** Grows with every change; the ETag. */
  readonly revision: number;
  readonly createdMs: number;
  readonly updatedMs: number;
}

/** What may change of a function without a new version. */
export interface FunctionChange {
  readonly active?: boolean;
  readonly trigger?: Trigger;
  readonly publicDomain?: string | null;
  readonly publicDomainApproved?: boolean;
  /** The number of the version that becomes live; ends a canary. */
  readonly live?: number;
  readonly canary?: Canary | null;
  /** Null removes the alias. */
  readonly aliases?: Readonly<Record<string, number | null>>;
}

export interface NewVersion extends Omit<VersionRecord, 'number' | 'codeBytes' | 'createdMs'> {
  readonly tenant: string;
  readonly name: string;
  readonly artifact: Artifact;
  /** Where the function is new. */
  readonly initial: Pick<FunctionRecord, 'active' | 'trigger'>;
  /** In the same transaction as the version itself. */
  readonly change: Pick<FunctionChange, 'active' | 'trigger' | 'publicDomain' | 'publicDomainApproved'> & {
    readonly live: boolean;
    readonly alias: string | null;
  };
}

export interface Page<T> {
  readonly items: readonly T[];
  /** The cursor of the next page; null at the end. */
  readonly next: string | null;
}

export interface FunctionQuery {
  readonly tenant: string;
  /** The name after which the page begins; null: the first. */
  readonly after: string | null;
  /** 1 to 1,000. */
  readonly limit: number;
  /** Part of the name. */
  readonly search?: string;
}

export interface FunctionStore {
  /**
   * Keeps a version and its sources, and makes it live where that is asked, all or nothing. Its number is one more than the
   * last that its function ever had, also when the function was deleted in between: a number that came back would bring a
   * stale sandbox with it. Of the older versions only the newest 50 stay, and those that something points at. Rejects with
   * CONFLICT where the public domain is another function's, with NOT_FOUND where the tenant was erased.
   */
  addVersion(version: NewVersion, files: SourceFiles): Promise<FunctionRecord & { readonly added: VersionRecord }>;
  /** `revision`: refuse with PRECONDITION_FAILED unless it is still that. Rejects with NOT_FOUND, CONFLICT. */
  change(tenant: string, name: string, change: FunctionChange, revision: number | null): Promise<FunctionRecord>;
  /** In the order of their names. */
  list(query: FunctionQuery): Promise<Page<FunctionRecord>>;
  find(tenant: string, name: string): Promise<FunctionRecord | null>;
  /** Whose public domain it is, approved or not; null: nobody's. */
  domainOwner(domain: string): Promise<{ readonly tenant: string; readonly name: string } | null>;
  /** Newest first, those below `before`. */
  versions(tenant: string, name: string, before: number | null, limit: number): Promise<Page<VersionRecord>>;
  /** With its code; null where there is none. */
  version(tenant: string, name: string, number: number): Promise<StoredVersion | null>;
  /** The versions that routes need, of all functions or of one: live, canary and aliased. */
  routed(only?: { readonly tenant: string; readonly name: string }): Promise<{
    readonly records: readonly FunctionRecord[];
    readonly versions: readonly StoredVersion[];
  }>;
  /** The files that a version was made of; empty where there is no such version. */
  sources(tenant: string, name: string, number: number): Promise<SourceFiles>;
  /** Removes a function and all that is its own; false where there is none. */
  remove(tenant: string, name: string): Promise<boolean>;
  count(tenant: string): Promise<number>;
}
