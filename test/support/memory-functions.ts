/** A function store in memory, with the promises of the real one: numbers never come back, and every change is all or nothing. */

import { randomUUID } from 'node:crypto';
import type { DeploymentRecord, DeploymentStore, SourceFiles } from '../../src/core/deployment.ts';
import { Fault } from '../../src/core/faults.ts';
import type {
  FunctionChange,
  FunctionRecord,
  FunctionStore,
  NewVersion,
  StoredVersion,
  VersionRecord,
} from '../../src/core/function-record.ts';

interface Row {
  record: Omit<FunctionRecord, 'live'>;
  liveNumber: number | null;
  readonly versions: Map<number, StoredVersion>;
  readonly sources: Map<number, SourceFiles>;
}

export class MemoryFunctions implements FunctionStore {
  readonly #rows = new Map<string, Row>();
  /** Stays when a function goes. */
  readonly #lastNumbers = new Map<string, number>();
  /** What the next calls of these methods wait for, so that a test can stand between two steps. */
  readonly gates: Map<keyof FunctionStore, Promise<void>> = new Map();
  /** How often each method was called. */
  readonly calls: Map<keyof FunctionStore, number> = new Map();

  async addVersion(
    version: NewVersion,
    files: SourceFiles,
  ): Promise<FunctionRecord & { readonly added: VersionRecord }> {
    await this.#pass('addVersion');
    const { tenant, name, artifact, initial, change, ...settings } = version;
    const key = `${tenant}/${name}`;
    if (change.publicDomain != null) this.#requireFree(change.publicDomain, key);
    const number = (this.#lastNumbers.get(key) ?? 0) + 1;
    this.#lastNumbers.set(key, number);
    const row = this.#rows.get(key) ?? newRow(version);
    this.#rows.set(key, row);
    const added: VersionRecord = { ...settings, number, codeBytes: artifact.code.length, createdMs: Date.now() };
    row.versions.set(number, { ...added, tenant, name, artifact });
    row.sources.set(number, files);
    const { live, alias, ...rest } = change;
    apply(row, {
      ...rest,
      ...(live ? { live: number } : {}),
      ...(alias === null ? {} : { aliases: { [alias]: number } }),
    });
    return { ...recordOf(row), added };
  }

  async change(tenant: string, name: string, change: FunctionChange, revision: number | null): Promise<FunctionRecord> {
    await this.#pass('change');
    const key = `${tenant}/${name}`;
    const row = this.#rows.get(key);
    if (row === undefined) throw new Fault('NOT_FOUND', `Tenant ${tenant} has no function ${name}`);
    if (revision !== null && row.record.revision !== revision)
      throw new Fault('PRECONDITION_FAILED', `The function ${name} has changed since it was read`);
    const named = [change.live, change.canary?.number, ...Object.values(change.aliases ?? {})];
    for (const number of named) {
      if (number != null && !row.versions.has(number))
        throw new Fault('NOT_FOUND', `The function ${name} has no version ${number}`);
    }
    if (change.publicDomain != null) this.#requireFree(change.publicDomain, key);
    apply(row, change);
    return recordOf(row);
  }

  async list({
    tenant,
    after,
    limit,
    search = '',
  }: Parameters<FunctionStore['list']>[0]): ReturnType<FunctionStore['list']> {
    await this.#pass('list');
    const found = [...this.#rows.values()]
      .filter(({ record }) => record.tenant === tenant && record.name.includes(search))
      .filter(({ record }) => after === null || record.name > after)
      .sort((a, b) => (a.record.name < b.record.name ? -1 : 1));
    const items = found.slice(0, limit).map(recordOf);
    return { items, next: found.length > limit ? items.at(-1)!.name : null };
  }

  async find(tenant: string, name: string): Promise<FunctionRecord | null> {
    await this.#pass('find');
    const row = this.#rows.get(`${tenant}/${name}`);
    return row === undefined ? null : recordOf(row);
  }

  domainOwner(domain: string): ReturnType<FunctionStore['domainOwner']> {
    const row = this.#rows.values().find(({ record }) => record.publicDomain === domain);
    return Promise.resolve(row === undefined ? null : { tenant: row.record.tenant, name: row.record.name });
  }

  async versions(
    tenant: string,
    name: string,
    before: number | null,
    limit: number,
  ): ReturnType<FunctionStore['versions']> {
    await this.#pass('versions');
    const all = [...(this.#rows.get(`${tenant}/${name}`)?.versions.values() ?? [])].reverse();
    const found = all.filter(({ number }) => before === null || number < before);
    const items = found.slice(0, limit).map(versionRecordOf);
    return { items, next: found.length > limit ? String(items.at(-1)!.number) : null };
  }

  async version(tenant: string, name: string, number: number): Promise<StoredVersion | null> {
    await this.#pass('version');
    return this.#rows.get(`${tenant}/${name}`)?.versions.get(number) ?? null;
  }

  async routed(only?: { readonly tenant: string; readonly name: string }): ReturnType<FunctionStore['routed']> {
    const one = only === undefined ? undefined : this.#rows.get(`${only.tenant}/${only.name}`);
    const rows = only === undefined ? [...this.#rows.values()] : one === undefined ? [] : [one];
    // Read before the gate: what is on its way may be old when it arrives.
    const records = rows.map(recordOf);
    const versions = rows.flatMap(({ record, liveNumber, versions: of }) =>
      [...new Set([liveNumber, record.canary?.number, ...Object.values(record.aliases)])].flatMap((number) =>
        number == null ? [] : [of.get(number)!],
      ),
    );
    await this.#pass('routed');
    return { records, versions };
  }

  sources(tenant: string, name: string, number: number): Promise<SourceFiles> {
    return Promise.resolve(this.#rows.get(`${tenant}/${name}`)?.sources.get(number) ?? new Map());
  }

  async remove(tenant: string, name: string): Promise<boolean> {
    await this.#pass('remove');
    return this.#rows.delete(`${tenant}/${name}`);
  }

  count(tenant: string): Promise<number> {
    return Promise.resolve(
      this.#rows
        .values()
        .filter(({ record }) => record.tenant === tenant)
        .toArray().length,
    );
  }

  async #pass(method: keyof FunctionStore): Promise<void> {
    this.calls.set(method, (this.calls.get(method) ?? 0) + 1);
    const gate = this.gates.get(method);
    this.gates.delete(method);
    await gate;
  }

  #requireFree(domain: string, key: string): void {
    for (const [other, { record }] of this.#rows) {
      if (record.publicDomain === domain && other !== key)
        throw new Fault('CONFLICT', `The public domain ${domain} is another function's`);
    }
  }
}

export class MemoryDeployments implements DeploymentStore {
  /** Every state in which a record was put. */
  readonly puts: DeploymentRecord[] = [];

  put(record: DeploymentRecord): Promise<void> {
    this.puts.push(record);
    return Promise.resolve();
  }

  list(tenant: string, functionName: string, limit: number): Promise<DeploymentRecord[]> {
    const last = new Map<string, DeploymentRecord>();
    for (const record of this.puts) last.set(record.id, record);
    const found = [...last.values()].filter((of) => of.tenant === tenant && of.functionName === functionName);
    return Promise.resolve(found.reverse().slice(0, limit));
  }

  failRunning(): Promise<number> {
    return Promise.resolve(0);
  }
}

function newRow({ tenant, name, initial }: NewVersion): Row {
  const nowMs = Date.now();
  const record = {
    id: randomUUID(),
    tenant,
    name,
    ...initial,
    publicDomain: null,
    publicDomainApproved: false,
    canary: null,
    aliases: {},
    previousNumber: null,
    revision: 0,
    createdMs: nowMs,
    updatedMs: nowMs,
  };
  return { record, liveNumber: null, versions: new Map(), sources: new Map() };
}

function apply(row: Row, { live, aliases = {}, canary, ...change }: FunctionChange): void {
  const { record, liveNumber } = row;
  const named = Object.entries({ ...record.aliases, ...aliases }).filter(([, number]) => number !== null);
  const switches = live !== undefined && live !== liveNumber;
  row.record = {
    ...record,
    ...change,
    aliases: Object.fromEntries(named) as Record<string, number>,
    canary: live === undefined ? (canary === undefined ? record.canary : canary) : null,
    previousNumber: switches && liveNumber !== null ? liveNumber : record.previousNumber,
    revision: record.revision + 1,
    updatedMs: Date.now(),
  };
  if (live !== undefined) row.liveNumber = live;
}

function recordOf({ record, liveNumber, versions }: Row): FunctionRecord {
  return { ...record, live: liveNumber === null ? null : versionRecordOf(versions.get(liveNumber)!) };
}

function versionRecordOf({ artifact, tenant, name, ...record }: StoredVersion): VersionRecord {
  return record;
}
