/** Secret forms: how a secret looks after the encodings that programs put it through before they print it. */

export interface SecretForm {
  readonly text: string;
  /** More of it follows than is here. */
  readonly isCut: boolean;
}

/** Shorter texts would be found in everything. */
export const MIN_CHARS = 6;
/** Of a longer secret so much is encoded: the forms of all versions stay in memory. */
const MAX_ENCODED_CHARS = 128;
/** A line of a secret of several lines (a PEM key) counts by itself from this length on; programs print those one by one. */
const MIN_LINE_CHARS = 16;
const MAX_LINES = 200;

/** Of a secret that has at least {@link MIN_CHARS}; empty for a shorter one. */
export function formsOf(secret: string): SecretForm[] {
  if (secret.length < MIN_CHARS) return [];
  const isCut = secret.length > MAX_ENCODED_CHARS;
  const encoded = encodedForms(secret.slice(0, MAX_ENCODED_CHARS));
  return [
    ...[secret, ...linesOf(secret)].map((text) => ({ text, isCut: false })),
    ...[...new Set(encoded)]
      .filter((text) => text.length >= MIN_CHARS && !secret.startsWith(text))
      .map((text) => ({ text, isCut })),
  ];
}

function linesOf(secret: string): string[] {
  const lines = secret.split(/\r\n|\n|\r/, MAX_LINES);
  return lines.length === 1 ? [] : lines.filter(({ length }) => length >= MIN_LINE_CHARS);
}

function encodedForms(secret: string): string[] {
  // A lone surrogate can't be encoded.
  const text = secret.toWellFormed();
  const bytes = Buffer.from(text);
  const hex = bytes.toString('hex');
  const json = quoted(text);
  return [...urlForms(text), ...base64Forms(bytes), hex, hex.toUpperCase(), json, quoted(json), asciiOnly(json)];
}

function urlForms(text: string): string[] {
  const encoded = [
    encodeURIComponent(text),
    encodeURI(text),
    new URLSearchParams([['', text]]).toString().slice(1),
    // RFC 3986: the five that encodeURIComponent leaves.
    encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`),
  ];
  return encoded.flatMap((form) => [form, form.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())]);
}

/** Alone, and inside of something longer (`user:secret`), where it begins at one of three places of a group. */
function base64Forms(bytes: Buffer): string[] {
  const whole = bytes.toString('base64');
  const inner = [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    // Only those characters that no byte before or after it has a part in.
    return encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
  });
  return [whole, whole.replace(/=+$/, ''), ...inner].flatMap((form) => [
    form,
    form.replaceAll('+', '-').replaceAll('/', '_'),
  ]);
}

const quoted = (text: string): string => JSON.stringify(text).slice(1, -1);

/** As languages write JSON that keep to ASCII. */
const asciiOnly = (json: string): string =>
  json.replaceAll(/[\x7f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
