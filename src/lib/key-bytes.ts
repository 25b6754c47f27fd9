/** Key bytes: a key of 256 bits as people write it down. */

export const KEY_BYTES = 32;

/** 64 digits of hex, or base64 (either alphabet) of exactly 32 bytes; undefined for anything else. */
export function keyBytes(text: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  // Checked first, because the decoder passes over what is not base64.
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}
