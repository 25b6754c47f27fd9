/**
 * Token text: how a token is written. `cdn_`, 32 random bytes and their checksum, all base64url: a scanner for secrets
 * finds it by its shape, and a typo is told from a token that was revoked.
 */

import { hash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const PREFIX = 'cdn_';
const SHAPE = /^cdn_([\w-]{43})([\w-]{6})$/;

export function newTokenText(): string {
  const random = randomBytes(32).toString('base64url');
  return `${PREFIX}${random}${checksum(random)}`;
}

/** `other`: meant for somebody else to verify. `damaged`: one of ours, but cut short or mistyped. */
export function tokenShape(text: string): 'whole' | 'damaged' | 'other' {
  if (!text.startsWith(PREFIX)) return 'other';
  const [, random, sum] = SHAPE.exec(text) ?? [];
  return random !== undefined && checksum(random) === sum ? 'whole' : 'damaged';
}

/** SHA-256, in hex: 256 random bits need no salt and no slow hash. */
export const tokenHash = (text: string): string => hash('sha256', text, 'hex');

function checksum(random: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(random));
  return bytes.toString('base64url');
}
