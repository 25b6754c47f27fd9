/** OpenAPI schema: the part of the document that describes values, as HTML. */

/** What is read of a JSON Schema; anything may be missing. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
}

const MAX_DEPTH = 4;

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ESCAPES[character] as string);

/** In one line: `string`, `integer ≥ 1`, `Function[]`, `"a" | "b"`. */
export function typeOf(schema: JsonSchema): string {
  if (schema.$ref !== undefined) return linkTo(schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1));
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum !== undefined) return schema.enum.map((value) => code(JSON.stringify(value))).join(' | ');
  const parts = schema.anyOf ?? schema.oneOf;
  if (parts !== undefined) return parts.map(typeOf).join(' | ');
  if (schema.allOf !== undefined) return schema.allOf.map(typeOf).join(' & ');
  if (schema.items !== undefined) return `${typeOf(schema.items)}[]`;
  return `${escaped([schema.type ?? 'any'].flat().join(' | '))}${boundsOf(schema)}`;
}

/** The fields of an object, those of its own objects below them; empty for what has none. */
export function fieldsOf(schema: JsonSchema, depth = 0): string {
  const parts = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  if (schema.properties === undefined) {
    const inner = parts.length > 0 ? parts : schema.items === undefined ? [] : [schema.items];
    return depth > MAX_DEPTH ? '' : inner.map((part) => fieldsOf(part, depth + 1)).join('');
  }
  const rows = Object.entries(schema.properties).map(([name, field]) =>
    rowOf(name, field, schema.required?.includes(name) === true, depth),
  );
  return `<table><tbody>${rows.join('')}</tbody></table>`;
}

export function rowOf(name: string, schema: JsonSchema, isRequired: boolean, depth = 0): string {
  const inner = depth < MAX_DEPTH && schema.$ref === undefined ? fieldsOf(schema, depth + 1) : '';
  const fallback = schema.default === undefined ? '' : ` Default ${code(JSON.stringify(schema.default))}.`;
  const text = schema.description === undefined ? '' : escaped(schema.description);
  return (
    `<tr><th scope="row">${code(name)}${isRequired ? ' <em>required</em>' : ''}</th>` +
    `<td>${typeOf(schema)}</td><td>${text}${fallback}${inner}</td></tr>`
  );
}

function boundsOf({ minimum, maximum, format, pattern }: JsonSchema): string {
  const isBound = (value: number | undefined): value is number =>
    value !== undefined && Math.abs(value) < Number.MAX_SAFE_INTEGER;
  const bounds = [
    isBound(minimum) ? `≥ ${minimum}` : '',
    isBound(maximum) ? `≤ ${maximum}` : '',
    format === undefined ? '' : `(${escaped(format)})`,
    pattern === undefined ? '' : code(pattern),
  ].filter((bound) => bound !== '');
  return bounds.length === 0 ? '' : ` ${bounds.join(' ')}`;
}

const linkTo = (name: string): string => `<a href="#schema-${escaped(name)}">${escaped(name)}</a>`;
const code = (text: string): string => `<code>${escaped(text)}</code>`;
