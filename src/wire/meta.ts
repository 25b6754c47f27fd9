/** The meta part of a payload: read as hostile input, with sentences for what is wrong with it. */

export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** The JSON text of a payload's meta. */
export function metaText(payload: Buffer): string {
  return payload.toString('utf8', 4, metaEnd(payload));
}

/** The bytes after the meta. */
export function metaBody(payload: Buffer): Buffer {
  return payload.subarray(metaEnd(payload));
}

export function parseMeta(payload: Buffer): unknown {
  try {
    return JSON.parse(metaText(payload));
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    throw new ProtocolError('a meta that is not JSON');
  }
}

/** A payload as a connection would deliver it. */
export function metaPayload(meta: string, body: string): Buffer {
  const payload = Buffer.from(`\0\0\0\0${meta}${body}`, 'utf8');
  payload.writeUInt32LE(Buffer.byteLength(meta), 0);
  return payload;
}

function metaEnd(payload: Buffer): number {
  if (payload.length < 4) throw new ProtocolError('a payload without a meta');
  const end = 4 + payload.readUInt32LE(0);
  if (end > payload.length) throw new ProtocolError('a meta longer than its payload');
  return end;
}

export function readCredit(payload: Buffer): number {
  if (payload.length !== 4) throw new ProtocolError('a credit that is not four bytes');
  return payload.readUInt32LE(0);
}

/** The number of the ask that a frame belongs to, where no meta says it. */
export function askNumber(payload: Buffer): number {
  if (payload.length < 4) throw new ProtocolError('a frame of an ask without its number');
  return payload.readUInt32LE(0);
}

/** What follows that number. */
export const askBody = (payload: Buffer): Buffer => payload.subarray(4);
