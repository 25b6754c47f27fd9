/** Subtle: SubtleCrypto for one sandbox, by Node's own. What it checks before is only what would take too long. */

import { webcrypto } from 'node:crypto';
import { types } from 'node:util';
import { KeyTable } from './key-table.ts';
import { KeyReference, type Members, type ServiceValue } from './service-request.ts';
import type { ServiceResult } from './services.ts';
import { requireBounded } from './work-limits.ts';

const { subtle } = webcrypto;
type Method = (this: typeof subtle, ...args: unknown[]) => Promise<unknown>;
type CryptoKey = webcrypto.CryptoKey;

const METHODS: ReadonlyMap<string, Method> = new Map(
  (
    'encrypt decrypt sign verify digest generateKey deriveKey deriveBits importKey exportKey wrapKey unwrapKey ' +
    'getPublicKey'
  )
    .split(' ')
    .map((name) => [name, (subtle as unknown as Record<string, Method>)[name] as Method]),
);

export class Subtle {
  /** None is made for a sandbox that only hashes. */
  #keys: KeyTable | null = null;

  async run(name: string, args: readonly ServiceValue[]): Promise<ServiceResult> {
    const method = METHODS.get(name);
    if (method === undefined) throw new TypeError(`There is no subtle.${name}()`);
    requireBounded(name, args);
    return this.#resultOf(
      await method.apply(
        subtle,
        args.map((arg) => this.#argumentOf(arg)),
      ),
    );
  }

  end(): void {
    this.#keys?.clear();
    this.#keys = null;
  }

  #argumentOf(arg: ServiceValue): unknown {
    if (arg instanceof KeyReference) return this.#table().find(arg);
    const key = isMembers(arg) ? arg['public'] : undefined;
    return key instanceof KeyReference ? { ...(arg as Members), public: this.#table().find(key) } : arg;
  }

  #resultOf(result: unknown): ServiceResult {
    if (result instanceof ArrayBuffer) return { value: null, buffers: [new Uint8Array(result)] };
    const buffers: Uint8Array[] = [];
    if (types.isCryptoKey(result)) return { value: this.#table().add(result, buffers), buffers };
    if (!isPair(result)) return { value: result, buffers };
    const pair = [this.#table().add(result.publicKey, buffers), this.#table().add(result.privateKey, buffers)];
    return { value: { pair }, buffers };
  }

  #table(): KeyTable {
    return (this.#keys ??= new KeyTable());
  }
}

const isMembers = (arg: ServiceValue): arg is Members =>
  typeof arg === 'object' && arg !== null && !Array.isArray(arg) && !(arg instanceof Uint8Array);

function isPair(result: unknown): result is { readonly publicKey: CryptoKey; readonly privateKey: CryptoKey } {
  return typeof result === 'object' && result !== null && 'privateKey' in result;
}
