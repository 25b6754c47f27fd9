/** Sandbox RPC: the request by which an executor on another host calls back for an invocation, as both ends speak it. */

export const SANDBOX_RPC_PATH = '/api/_internal/sandbox-rpc';

/** Of a request: the call. Its body follows. */
export interface SandboxRpcMeta {
  readonly kind: string;
  readonly meta: unknown;
  readonly hasBody: boolean;
}

const MAX_META_BYTES = 256 * 1024;

/** u32 length, little-endian, and JSON. */
export function framedMeta(meta: unknown): Buffer {
  const framed = Buffer.from(`\0\0\0\0${JSON.stringify(meta)}`, 'utf8');
  framed.writeUInt32LE(framed.length - 4, 0);
  return framed;
}

/** Takes the meta off the beginning of a body that comes in pieces. */
export class MetaReader {
  #pieces: Buffer[] = [];
  #length = 0;
  /** Bytes without which nothing more can be told. */
  #needed = 4;
  #done = false;

  /** The meta has come. */
  get done(): boolean {
    return this.#done;
  }

  /** What of the piece belongs to the body; null while the meta is not whole. Throws for what is no meta. */
  read(piece: Buffer, onMeta: (meta: unknown) => void): Buffer | null {
    if (this.#done) return piece;
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length < this.#needed) return null;
    const all = Buffer.concat(this.#pieces, this.#length);
    this.#needed = 4 + all.readUInt32LE(0);
    if (this.#needed > MAX_META_BYTES) throw new Error(`a meta of more than ${MAX_META_BYTES} bytes`);
    this.#pieces = [all];
    if (this.#length < this.#needed) return null;
    this.#done = true;
    this.#pieces = [];
    onMeta(JSON.parse(all.toString('utf8', 4, this.#needed)));
    return all.subarray(this.#needed);
  }
}
