/** How util.inspect writes names and strings, and how it lays out what is inside of an object. */

export interface Layout {
  /** Longest line that several entries may share. */
  readonly breakLength: number;
  /** How many objects inside of one another may share a line; false: none. */
  readonly compact: number | false;
  readonly maxArrayLength: number;
}

export interface Entries {
  /** What stands before the bracket, or ''. */
  readonly base: string;
  readonly open: string;
  readonly close: string;
  readonly texts: readonly string[];
  /** The list whose items they are, or null. */
  readonly list: ArrayLike<unknown> | null;
  /** Columns that the object is indented by. */
  readonly indent: number;
  /** Levels of objects inside of this one. */
  readonly levels: number;
}

/** On one line where they are few and short; a long list of short items in columns; else one below the other. */
export function layOut(entries: Entries, layout: Layout): string {
  const { base, open, close, texts, list, indent, levels } = entries;
  const prefix = base === '' ? '' : `${base} `;
  const rows =
    list !== null && texts.length > 6 && layout.compact !== false ? columns(texts, list, indent, layout) : texts;
  if (layout.compact !== false && levels < layout.compact && rows.length === texts.length) {
    const start = texts.length + indent + open.length + base.length + 10;
    const length = texts.reduce((sum, text) => sum + text.length, start + texts.length);
    const line = texts.join(', ');
    const isShort = length <= layout.breakLength && start + 2 * texts.length <= layout.breakLength;
    if (isShort && !base.includes('\n') && !line.includes('\n')) return `${prefix}${open} ${line} ${close}`;
  }
  const newLine = `\n${' '.repeat(indent)}`;
  return `${prefix}${open}${newLine}  ${rows.join(`,${newLine}  `)}${newLine}${close}`;
}

/** As near to a square as the line allows, a character being 2.5 times as high as wide. */
function columns(
  texts: readonly string[],
  list: ArrayLike<unknown>,
  indent: number,
  { breakLength, compact, maxArrayLength }: Layout,
): readonly string[] {
  const isCut = maxArrayLength < texts.length;
  const items = isCut ? texts.slice(0, -1) : texts;
  const longest = Math.max(...items.map((item) => item.length)) + 2;
  const total = items.reduce((sum, item) => sum + item.length + 2, 0);
  if (longest * 3 + indent >= breakLength || (total / longest <= 5 && longest > 8)) return texts;
  const biased = Math.max(longest - 3 - Math.sqrt(longest - total / texts.length), 1);
  const count = Math.min(
    Math.round(Math.sqrt(2.5 * biased * items.length) / biased),
    Math.floor((breakLength - indent) / longest),
    (compact === false ? 0 : compact) * 4,
    15,
  );
  if (count <= 1) return texts;
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...items.filter((_item, i) => i % count === column).map((item) => item.length)),
  );
  const isNumeric = texts.every((_, i) => typeof list[i] === 'number' || typeof list[i] === 'bigint');
  const rows: string[] = [];
  for (let i = 0; i < items.length; i += count) rows.push(row(items.slice(i, i + count), widths, isNumeric));
  return isCut ? [...rows, texts.at(-1)!] : rows;
}

function row(items: readonly string[], widths: readonly number[], isNumeric: boolean): string {
  const cells = items.map((item, column) => {
    const width = widths[column]!;
    const isLast = column === items.length - 1;
    if (isNumeric) return isLast ? item.padStart(width) : `${item}, `.padStart(width + 2);
    return isLast ? item : `${item}, `.padEnd(width + 2);
  });
  return cells.join('');
}

const IDENTIFIER = /^[a-zA-Z_][a-zA-Z_0-9]*$/;

export function keyText(key: PropertyKey): string {
  if (typeof key === 'symbol') return escapeText(key.toString());
  const name = String(key);
  if (name === '__proto__') return "['__proto__']";
  return IDENTIFIER.test(name) ? name : quoted(name);
}

/** In the quotes that need the fewest escapes. */
export function quoted(text: string): string {
  if (!text.includes("'")) return `'${escapeText(text)}'`;
  if (!text.includes('"')) return `"${escapeText(text)}"`;
  if (!text.includes('`') && !text.includes('${')) return `\`${escapeText(text)}\``;
  return `'${escapeText(text).replaceAll("'", "\\'")}'`;
}

// oxlint-disable-next-line no-control-regex
const ESCAPED = /[\0-\x1f\\\x7f-\x9f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const SHORT: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\f': '\\f',
  '\r': '\\r',
  '\\': '\\\\',
};

function escapeText(text: string): string {
  return text.replace(ESCAPED, (char) => {
    const code = char.charCodeAt(0);
    if (code > 0xff) return `\\u${code.toString(16)}`;
    return SHORT[char] ?? `\\x${code.toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

/** `[class A extends B]`, `[Function: f]`, `[AsyncFunction (anonymous)]`. */
export function functionText(value: object, constructor: string | null, tag: string): string {
  const { name: given } = value as { name?: unknown };
  const name = typeof given === 'string' && given !== '' ? given : null;
  const tagged = tag !== '' && tag !== constructor ? ` [${tag}]` : '';
  if (/^class\b/.test(Function.prototype.toString.call(value))) {
    const parent = (Object.getPrototypeOf(value) as { name?: unknown } | null)?.name;
    const extending = typeof parent === 'string' && parent !== '' ? ` extends ${parent}` : '';
    const other = constructor !== 'Function' && constructor !== null ? ` [${constructor}]` : '';
    return `[class ${name ?? '(anonymous)'}${other}${tagged}${extending}]`;
  }
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  const type = kind.endsWith('Function') ? kind : 'Function';
  const other = constructor !== null && constructor !== type ? ` ${constructor}` : '';
  const suffix = tag !== '' && tag !== type && tagged !== '' ? tagged : '';
  return `[${type}${constructor === null ? ' (null prototype)' : ''}${name === null ? ' (anonymous)' : `: ${name}`}]${other}${suffix}`;
}

/** `Foo(2) [tag] `, or '' for a plain object or list without a tag. */
export function prefixText(constructor: string | null, tag: string, fallback: string, size = ''): string {
  if (constructor === null)
    return `[${fallback}${size}: null prototype] ${tag !== '' && tag !== fallback ? `[${tag}] ` : ''}`;
  return `${constructor}${size} ${tag !== '' && tag !== constructor ? `[${tag}] ` : ''}`;
}
