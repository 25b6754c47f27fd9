/** Reads the records that an isolate drained (`guest/isolate/mailbox.ts` writes them), one by one, without parsing JSON. */

class RecordError extends Error {
  override readonly name = 'RecordError';
}

export interface RecordReader {
  kind: number;
  id: number;
  meta: string;
  body: string | Uint8Array | null;
}

/**
 * Calls `each` for every record; the same object is reused. Bytes are their record's alone, which may free them. Throws
 * RecordError where the text is not well-formed.
 */
export function readRecords(drained: unknown, each: (record: RecordReader) => void): void {
  if (!Array.isArray(drained) || typeof drained[0] !== 'string') throw new RecordError('no records');
  const text = drained[0];
  const record: RecordReader = { kind: 0, id: 0, meta: '', body: null };
  const head = new HeadReader(text);
  const bodies = new Bodies(drained);
  while (head.at < text.length) {
    record.kind = head.number(COMMA);
    record.id = head.number(COMMA);
    const metaLength = head.number(COMMA);
    const bodyLength = head.number(SEMICOLON);
    const metaEnd = head.at + metaLength;
    record.meta = text.slice(head.at, metaEnd);
    head.at = bodyLength > 0 ? metaEnd + bodyLength : metaEnd;
    record.body = bodyLength < 0 ? bodies.at(-bodyLength) : bodyLength === 0 ? null : text.slice(metaEnd, head.at);
    each(record);
  }
}

const COMMA = 44;
const SEMICOLON = 59;
const MINUS = 45;
const ZERO = 48;
const MAX_NUMBER = 0xffffffff;

/** Reads whole numbers off a text, without making a string of each. */
class HeadReader {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The number that ends with this character; -n only where n is an index. */
  number(end: number): number {
    const negative = this.#text.charCodeAt(this.at) === MINUS;
    if (negative) this.at++;
    let value = 0;
    for (;;) {
      const code = this.#text.charCodeAt(this.at++);
      if (code === end) return negative ? -value : value;
      const digit = code - ZERO;
      // NaN, past the end of the text, is not within either.
      if (!(digit >= 0 && digit <= 9 && value <= MAX_NUMBER)) throw new RecordError('a record with a bad head');
      value = value * 10 + digit;
    }
  }
}

/** What stands beside the text. */
class Bodies {
  readonly #drained: readonly unknown[];
  #taken: Set<ArrayBufferLike> | null = null;

  constructor(drained: readonly unknown[]) {
    this.#drained = drained;
  }

  at(index: number): string | Uint8Array {
    const body = this.#drained[index];
    if (typeof body === 'string') return body;
    if (!(body instanceof Uint8Array)) throw new RecordError('a record whose body is missing');
    // What an isolate gives twice is one buffer on this side, too.
    this.#taken ??= new Set();
    if (this.#taken.has(body.buffer)) return new Uint8Array(body);
    this.#taken.add(body.buffer);
    return body;
  }
}
