/** What may cross into an isolate beside the list of messages: text, and bytes that become the isolate's own. */

import ivm from 'isolated-vm';

export type GuestArgument = string | ivm.Copy<ArrayBuffer>;

/** Copied once here, then handed over without another copy. */
export function transferred(bytes: Uint8Array): GuestArgument {
  return new ivm.ExternalCopy(ownBuffer(bytes), { transferOut: true }).copyInto({ transferIn: true, release: true });
}

/** The bytes in a buffer that holds nothing else. */
export function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  const own = new Uint8Array(bytes.length);
  own.set(bytes);
  return own.buffer;
}
