/** What a sandbox may not ask for, because it would keep a thread of its executor for longer than any call may take. */

import type { Members, ServiceValue } from './service-request.ts';

/** An algorithm that is not among them is none that anybody waits for. */
const ALGORITHMS: ReadonlySet<string> = new Set(
  (
    'SHA-1 SHA-256 SHA-384 SHA-512 SHA3-256 SHA3-384 SHA3-512 HMAC RSASSA-PKCS1-V1_5 RSA-PSS RSA-OAEP ECDSA ECDH ED25519 ' +
    'ED448 X25519 X448 AES-CTR AES-CBC AES-GCM AES-KW AES-OCB CHACHA20-POLY1305 HKDF PBKDF2 ML-DSA-44 ML-DSA-65 ML-DSA-87'
  ).split(' '),
);
const MAX_RSA_BITS = 4096;
const MAX_SECRET_BITS = 1024 * 1024;
/** Iterations times blocks of 256 bits. */
const MAX_PBKDF2_WORK = 2_000_000;
const HEAVY_ITERATIONS = 20_000;
/** What OpenSSL makes quickly, and everybody uses. */
const EXPONENTS: ReadonlySet<number> = new Set([3, 65_537]);

/** Throws a DOMException for what is not done here. */
export function requireBounded(method: string, args: readonly ServiceValue[]): void {
  const algorithms = args.filter((arg) => isNamed(arg));
  for (const { name } of algorithms)
    if (!ALGORITHMS.has(name.toUpperCase()))
      throw refusal(`${name.slice(0, 40)} is not supported`, 'NotSupportedError');
  const [algorithm] = algorithms;
  if (algorithm === undefined) return;
  if (method === 'generateKey') requireBoundedKey(algorithm);
  else if (method === 'deriveBits') requireBoundedBits(algorithm, numberOf(args[2]));
  else if (method === 'deriveKey') {
    // Of a key that has no length of its own, the block of its hash is taken.
    const bits = numberOf(algorithms[1]?.['length']) || 1024;
    requireBoundedBits(algorithm, bits);
  }
}

/** Whether it takes a thread so long that one sandbox may have but one of its kind under way. */
export function isHeavy(method: string, args: readonly ServiceValue[]): boolean {
  return args.some(
    (arg) =>
      isNamed(arg) &&
      (numberOf(arg['iterations']) > HEAVY_ITERATIONS ||
        (method === 'generateKey' && arg['modulusLength'] !== undefined)),
  );
}

type Named = Members & { readonly name: string };

const isNamed = (arg: ServiceValue): arg is Named =>
  typeof arg === 'object' && arg !== null && 'name' in arg && typeof arg.name === 'string';

function requireBoundedKey(algorithm: Named): void {
  const { name } = algorithm;
  if (numberOf(algorithm['modulusLength']) > MAX_RSA_BITS)
    throw refusal(`An RSA key of more than ${MAX_RSA_BITS} bits is not generated here`);
  if (numberOf(algorithm['length']) > MAX_SECRET_BITS)
    throw refusal(`A key of more than ${MAX_SECRET_BITS} bits is not generated here`);
  const exponent = algorithm['publicExponent'];
  if (name.toUpperCase().startsWith('RSA') && exponent instanceof Uint8Array && !EXPONENTS.has(integerOf(exponent)))
    throw refusal('The public exponent of an RSA key has to be 3 or 65537');
}

function requireBoundedBits(algorithm: Named, bits: number): void {
  if (bits > MAX_SECRET_BITS) throw refusal(`At most ${MAX_SECRET_BITS} bits are derived at a time`);
  if (algorithm.name.toUpperCase() !== 'PBKDF2') return;
  const work = numberOf(algorithm['iterations']) * Math.max(1, Math.ceil(bits / 256));
  if (work > MAX_PBKDF2_WORK)
    throw refusal(`PBKDF2 is limited to ${MAX_PBKDF2_WORK} iterations for each 256 bits, in all`);
}

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0);

const integerOf = (bytes: Uint8Array): number =>
  bytes.length > 16 ? 0 : bytes.reduce((value, byte) => value * 256 + byte, 0);

const refusal = (message: string, name = 'OperationError'): DOMException => new DOMException(message, name);
