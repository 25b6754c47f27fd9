/** Free bytes: gives the memory of a buffer back at once, where V8 would let 64 MB of such buffers wait for its collector. */

/** Smaller ones are not worth it. */
const MIN_BYTES = 8 * 1024;

/** Only where the bytes have their buffer to themselves. Whatever else sees that buffer sees nothing in it from then on. */
export function freeBytes({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= MIN_BYTES && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer)
    transfer.call(buffer, 0);
}

/** As it is now: where a function shares this thread, it may be replaced. */
const { transfer } = ArrayBuffer.prototype;
