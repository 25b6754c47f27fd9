/** A variable store in memory, with the promises of the real one: what is read is a copy, and reseal compares before it sets. */

import type { StoredKey, StoredVariable, VariableStore } from '../../src/core/variable.ts';

export interface MemoryVariables extends VariableStore {
  /** By place; a test may change them as somebody would who can write to the database. */
  readonly rows: Map<string, StoredVariable>;
  readonly dataKeys: Map<string, StoredKey>;
  /** All that the store holds, as an export of it would have it. */
  dump(): string;
}

export function memoryVariables(): MemoryVariables {
  const rows = new Map<string, StoredVariable>();
  const dataKeys = new Map<string, StoredKey>();
  const all = (): StoredVariable[] => [...rows.values()].map((row) => structuredClone(row));
  return {
    rows,
    dataKeys,
    async put(variables) {
      for (const row of variables) rows.set(placeOf(row), structuredClone(row));
    },
    async remove(tenant, functionName, names) {
      return names.filter((name) => rows.delete(placeOf({ tenant, functionName, name })));
    },
    async list(tenant, functionName) {
      return all().filter(
        (row) => row.tenant === tenant && (row.functionName === null || row.functionName === functionName),
      );
    },
    async owners(tenant) {
      const names = all().flatMap((row) =>
        row.tenant === tenant && row.functionName !== null ? [row.functionName] : [],
      );
      return [...new Set(names)];
    },
    async sealedBy(keyId, limit) {
      return all()
        .filter((row) => row.keyId === keyId)
        .slice(0, limit);
    },
    async reseal(pairs) {
      const still = pairs.filter(({ before }) => isSame(rows.get(placeOf(before)), before));
      for (const { after } of still) rows.set(placeOf(after), structuredClone(after));
      return still.length;
    },
    keys: async () => [...dataKeys.values()],
    async putKey(key) {
      dataKeys.set(key.id, key);
    },
    async removeKey(id) {
      dataKeys.delete(id);
    },
    dump() {
      const bytes = (value: Uint8Array): string =>
        `${Buffer.from(value).toString('utf8')} ${Buffer.from(value).toString('base64')}`;
      return JSON.stringify({
        rows: all().map((row) => ({ ...row, value: bytes(row.value) })),
        keys: [...dataKeys.values()].map((key) => ({ ...key, sealed: bytes(key.sealed) })),
      });
    },
  };
}

interface Place {
  readonly tenant: string;
  readonly functionName: string | null;
  readonly name: string;
}

export function placeOf({ tenant, functionName, name }: Place): string {
  return `${tenant}/${functionName ?? ''}/${name}`;
}

function isSame(found: StoredVariable | undefined, before: StoredVariable): boolean {
  return found !== undefined && found.keyId === before.keyId && Buffer.compare(found.value, before.value) === 0;
}
