/**
 * Variables: what functions find in their environment: set, listed and removed here, and resolved for a version.
 *
 * Values come from the platform, the tenant, the function and the version, each before the one that it overrides. Opened
 * values are held in memory so that many functions of one tenant cost one look into the database each.
 */

import { createHmac, randomBytes } from 'node:crypto';
import type { BoundSecret } from '../../core/egress.ts';
import type { Environment, Environments, StoredVariable, VariableRecord, VariableStore } from '../../core/variable.ts';
import { requireChanges, requireRoom } from './variable-rules.ts';
import type { VariableChange } from './variable-rules.ts';
import type { Rotation, Vault } from './vault.ts';

export interface VariablesOptions {
  readonly store: VariableStore;
  readonly vault: Vault;
  /** The operator's own, for all tenants. */
  readonly platform: Readonly<Record<string, string>>;
}

/** For whoever manages them: a secret's value is null. */
export interface ShownVariable extends VariableRecord {
  readonly value: string | null;
}

interface Opened {
  readonly row: StoredVariable;
  readonly value: string;
}

interface Entry {
  readonly value: string;
  /** Null: not a secret. */
  readonly secret: VariableRecord | null;
}

/** A tenant's own variables, or a function's, of those that were used last. */
const MAX_SCOPES = 4_096;

export class Variables implements Environments {
  readonly #store: VariableStore;
  readonly #vault: Vault;
  readonly #platform: ReadonlyMap<string, string>;
  /** By {@link scopeKey}, least recently used first. */
  readonly #scopes = new Map<string, Promise<readonly Opened[]>>();
  /** By tenant: the functions with variables of their own, so that start-up doesn't ask for each of the others. */
  readonly #owners = new Map<string, Promise<ReadonlySet<string>>>();
  /** The last change of each scope that is being changed, so that two of them can't both find room. */
  readonly #changing = new Map<string, Promise<unknown>>();
  readonly #placeholderKey: Buffer = randomBytes(32);

  constructor({ store, vault, platform }: VariablesOptions) {
    this.#store = store;
    this.#vault = vault;
    this.#platform = new Map(Object.entries(platform));
  }

  /** Sets these and leaves the others as they are. Rejects with BAD_REQUEST, QUOTA_EXCEEDED. */
  async set(tenant: string, functionName: string | null, changes: readonly VariableChange[]): Promise<void> {
    const wanted = requireChanges(changes);
    if (wanted.length === 0) return;
    await this.#alone(scopeKey(tenant, functionName), async () => {
      const sizes = new Map((await this.#rows(tenant, functionName)).map((row) => [row.name, row.value.length]));
      for (const { name, value } of wanted) sizes.set(name, Buffer.byteLength(value));
      requireRoom(functionName === null ? `Tenant ${tenant}` : `Function ${functionName}`, [...sizes.values()]);
      const updatedMs = Date.now();
      await this.#vault.put(
        wanted.map(({ name, value, isSecret, hosts }) => ({
          tenant,
          functionName,
          name,
          isSecret,
          hosts,
          updatedMs,
          text: value,
        })),
      );
    });
    this.forget(tenant);
  }

  /** The names that were there. */
  async remove(tenant: string, functionName: string | null, names: readonly string[]): Promise<string[]> {
    const removed = await this.#alone(scopeKey(tenant, functionName), () =>
      this.#store.remove(tenant, functionName, names),
    );
    this.forget(tenant);
    return removed;
  }

  /** In the order of their names. */
  async list(tenant: string, functionName: string | null): Promise<ShownVariable[]> {
    const rows = await this.#rows(tenant, functionName);
    return rows
      .map(({ keyId, value, ...record }) => ({
        ...record,
        value: record.isSecret || keyId !== null ? null : Buffer.from(value).toString('utf8'),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async resolve(
    tenant: string,
    functionName: string,
    versionEnv: Readonly<Record<string, string>>,
    grant: readonly string[] | null,
  ): Promise<Environment> {
    const [ofTenant, ofFunction] = await Promise.all([this.#opened(tenant, null), this.#opened(tenant, functionName)]);
    const granted = grant === null ? null : new Set(grant);
    const isGranted = (name: string): boolean => granted === null || granted.has(name);
    const entries = new Map<string, Entry>();
    for (const [name, value] of this.#platform) if (isGranted(name)) entries.set(name, { value, secret: null });
    for (const opened of ofTenant) if (isGranted(opened.row.name)) entries.set(opened.row.name, entryOf(opened));
    for (const opened of ofFunction) entries.set(opened.row.name, entryOf(opened));
    for (const [name, value] of Object.entries(versionEnv)) entries.set(name, { value, secret: null });
    return this.#environmentOf(entries);
  }

  /** One of the tenant's own, for a service of the host; null where there is none. */
  async read(tenant: string, name: string): Promise<string | null> {
    return (await this.#opened(tenant, null)).find(({ row }) => row.name === name)?.value ?? null;
  }

  /** After a change of the tenant's variables or its functions', by this node or another. */
  forget(tenant: string): void {
    this.#owners.delete(tenant);
    for (const key of this.#scopes.keys()) if (key.startsWith(`${tenant}/`)) this.#scopes.delete(key);
  }

  /** When anything may have changed. */
  forgetAll(): void {
    this.#owners.clear();
    this.#scopes.clear();
  }

  rotate(): Promise<Rotation> {
    return this.#vault.rotate();
  }

  #environmentOf(entries: ReadonlyMap<string, Entry>): Environment {
    const env = new Map<string, string>();
    const secrets = new Set<string>();
    const boundSecrets: BoundSecret[] = [];
    for (const [name, { value, secret }] of entries) {
      if (secret !== null && value !== '') secrets.add(value);
      const isBound = secret !== null && secret.hosts.length > 0;
      const placeholder = isBound ? this.#placeholderOf(secret, value) : null;
      if (isBound && placeholder !== null) boundSecrets.push({ placeholder, value, hosts: secret.hosts });
      env.set(name, placeholder ?? value);
    }
    return { env: Object.fromEntries(env), secrets: [...secrets], boundSecrets };
  }

  /** The same for the same value as long as this process lives, and told by nothing else. */
  #placeholderOf({ tenant, functionName, name, hosts }: VariableRecord, value: string): string {
    const mac = createHmac('sha256', this.#placeholderKey);
    const text = mac.update(JSON.stringify([tenant, functionName, name, hosts, value])).digest('base64url');
    return `cordon-secret-${text.slice(0, 24)}`;
  }

  #opened(tenant: string, functionName: string | null): Promise<readonly Opened[]> {
    const key = scopeKey(tenant, functionName);
    const found = this.#scopes.get(key);
    this.#scopes.delete(key);
    const opened = found ?? this.#open(tenant, functionName);
    this.#scopes.set(key, opened);
    if (this.#scopes.size > MAX_SCOPES) this.#scopes.delete(this.#scopes.keys().next().value as string);
    if (found === undefined) opened.catch(() => this.#scopes.get(key) === opened && this.#scopes.delete(key));
    return opened;
  }

  async #open(tenant: string, functionName: string | null): Promise<readonly Opened[]> {
    if (functionName !== null && !(await this.#ownersOf(tenant)).has(functionName)) return [];
    const rows = await this.#rows(tenant, functionName);
    return Promise.all(rows.map(async (row) => ({ row, value: await this.#vault.open(row) })));
  }

  #ownersOf(tenant: string): Promise<ReadonlySet<string>> {
    const found = this.#owners.get(tenant);
    if (found !== undefined) return found;
    if (this.#owners.size >= MAX_SCOPES) this.#owners.clear();
    const owners = this.#store.owners(tenant).then((names) => new Set(names));
    this.#owners.set(tenant, owners);
    owners.catch(() => this.#owners.get(tenant) === owners && this.#owners.delete(tenant));
    return owners;
  }

  async #rows(tenant: string, functionName: string | null): Promise<StoredVariable[]> {
    const rows = await this.#store.list(tenant, ...(functionName === null ? [] : [functionName]));
    return rows.filter((row) => row.functionName === functionName);
  }

  async #alone<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#changing.get(key) ?? Promise.resolve();
    const done = before.then(work, work);
    this.#changing.set(key, done);
    try {
      return await done;
    } finally {
      if (this.#changing.get(key) === done) this.#changing.delete(key);
    }
  }
}

/** Names have no slash. */
const scopeKey = (tenant: string, functionName: string | null): string => `${tenant}/${functionName ?? ''}`;

const entryOf = ({ row, value }: Opened): Entry => ({
  value,
  secret: row.isSecret || row.keyId !== null ? row : null,
});
