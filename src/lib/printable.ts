/** Printable: text from somewhere else, in the characters that a terminal only shows. */

/** Longer lines are cut. */
const MAX_LINE_CHARS = 16 * 1024;

// C0 but tab, DEL and C1 drive terminals or end lines; U+2028 and U+2029 end lines; the rest reorder what is seen.
const UNSAFE = /[\0-\x08\n-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g; // oxlint-disable-line no-control-regex

/** On one line, whatever it was. */
export function oneLine(text: string): string {
  const cut = text.length > MAX_LINE_CHARS ? `${text.slice(0, MAX_LINE_CHARS)}… (${text.length} characters)` : text;
  return cut.replace(UNSAFE, escape);
}

/** Line ends stay. */
export function printable(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(UNSAFE, (character) => (character === '\n' ? character : escape(character)));
}

function escape(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\r') return '\\r';
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
