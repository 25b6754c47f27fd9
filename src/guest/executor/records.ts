/** Reads the records that an isolate drained (`guest/isolate/mailbox.ts` writes them), one by one, without parsing JSON. */

export class RecordError extends Error {
  override readonly name = 'RecordError';
}

export interface RecordReader {
  kind: number;
  id: number;
  meta: string;
  body: string | Uint8Array | null;
}

/** Calls `each` for every record; the same object is reused. Throws RecordError where the text is not well-formed. */
export function readRecords(drained: unknown, each: (record: RecordReader) => void): void {
  if (!Array.isArray(drained) || typeof drained[0] !== 'string') throw new RecordError('no records');
  const text = drained[0];
  const record: RecordReader = { kind: 0, id: 0, meta: '', body: null };
  let at = 0;
  while (at < text.length) {
    const semicolon = text.indexOf(';', at);
    if (semicolon < 0 || semicolon - at > 48) throw new RecordError('a record without an end');
    const head = text.slice(at, semicolon).split(',');
    const [kind, id, metaLength, bodyLength] = [Number(head[0]), Number(head[1]), Number(head[2]), Number(head[3])];
    if (!(metaLength >= 0) || !Number.isInteger(bodyLength)) throw new RecordError('a record with a bad head');
    const metaEnd = semicolon + 1 + metaLength;
    record.kind = kind;
    record.id = id;
    record.meta = text.slice(semicolon + 1, metaEnd);
    record.body = bodyLength < 0 ? bodyAt(drained, -bodyLength) : bodyLength === 0 ? null : text.slice(metaEnd, metaEnd + bodyLength);
    at = metaEnd + (bodyLength > 0 ? bodyLength : 0);
    each(record);
  }
}

function bodyAt(drained: readonly unknown[], index: number): string | Uint8Array {
  const body = drained[index];
  if (typeof body === 'string' || body instanceof Uint8Array) return body;
  throw new RecordError('a record whose body is missing');
}
