/**
 * Item conditions: a checked filter and order as SQL over documents of JSON.
 *
 * A value is compared with values of its own kind only (text in the order of its bytes, numbers as numbers), so that both
 * engines agree. Names of fields are bound like values: no text of a guest's becomes SQL.
 */

import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { Fault } from '../core/faults.ts';
import type { Comparison, ItemFilter, ItemOrder, Scalar } from '../core/items.ts';
import type { Database } from './database.ts';

type Sql<T = unknown> = RawBuilder<T>;
type Engine = Database['engine'];

/** One field, as SQL can look at it. */
interface Field {
  /** `string`, `number`, `boolean`, `other`; null where it is null or not there. */
  readonly kind: Sql;
  readonly text: Sql;
  readonly number: Sql;
  readonly isTrue: Sql;
}

export function conditionOf(filter: ItemFilter, engine: Engine): Sql<boolean> {
  switch (filter.kind) {
    case 'all':
    case 'any': {
      const parts = filter.filters.map((part) => sql`(${conditionOf(part, engine)})`);
      if (parts.length === 0) return filter.kind === 'all' ? TRUE : FALSE;
      return sql<boolean>`(${sql.join(parts, filter.kind === 'all' ? sql` and ` : sql` or `)})`;
    }
    case 'compare':
      return comparisonOf(fieldOf(filter.field, engine), filter.comparison, valueFor(filter.field, filter.value));
    case 'in': {
      const field = fieldOf(filter.field, engine);
      const isAny = anyOf(
        field,
        filter.values.map((value) => valueFor(filter.field, value)),
      );
      return filter.negated ? sql<boolean>`(${field.kind} is not null and not ${isAny})` : isAny;
    }
    case 'contains': {
      const { kind, text } = fieldOf(filter.field, engine);
      return when(kind, 'string', sql`${sql.raw(POSITION[engine])}(${text}, ${filter.text}) > 0`);
    }
    case 'null': {
      const { kind } = fieldOf(filter.field, engine);
      return filter.isNull ? sql<boolean>`(${kind} is null)` : sql<boolean>`(${kind} is not null)`;
    }
  }
}

/** One list: a kind of value after another (nothing, numbers, text, the rest), each in its order. */
export function orderOf(sort: readonly ItemOrder[], engine: Engine): Sql[] {
  return sort.flatMap(({ field: name, descending }) => {
    const { kind, text, number, isTrue } = fieldOf(name, engine);
    const keys = [
      sql`case ${kind} when 'number' then 1 when 'boolean' then 1 when 'string' then 2 when 'other' then 3 else 0 end`,
      sql`case ${kind} when 'number' then ${number} when 'boolean' then (case when ${isTrue} then 1 else 0 end) else 0 end`,
      sql`case ${kind} when 'string' then ${text} else '' end`,
    ];
    return keys.map((key) => (descending ? sql`${key} desc` : sql`${key} asc`));
  });
}

const TRUE = sql<boolean>`(1 = 1)`;
const FALSE = sql<boolean>`(1 = 0)`;
/** Where a text has another in it; no wildcards. */
const POSITION: Readonly<Record<Engine, string>> = { sqlite: 'instr', postgres: 'strpos' };

const OPERATORS: Readonly<Record<Comparison, string>> = {
  '=': '=',
  '<>': '<>',
  '>': '>',
  '>=': '>=',
  '<': '<',
  '<=': '<=',
};

function comparisonOf(field: Field, comparison: Comparison, value: Scalar): Sql<boolean> {
  if (comparison === '<>') return sql<boolean>`(${field.kind} is not null and not ${comparisonOf(field, '=', value)})`;
  if (typeof value === 'boolean') return when(field.kind, 'boolean', value ? field.isTrue : sql`not ${field.isTrue}`);
  const operator = sql.raw(OPERATORS[comparison]);
  if (typeof value === 'string') return when(field.kind, 'string', sql`${field.text} ${operator} ${value}`);
  return when(field.kind, 'number', sql`${field.number} ${operator} ${value}`);
}

function anyOf(field: Field, values: readonly Scalar[]): Sql<boolean> {
  const texts = values.filter((value) => typeof value === 'string');
  const numbers = values.filter((value) => typeof value === 'number');
  const rest = values.filter((value) => typeof value === 'boolean');
  const parts = [
    ...(texts.length === 0 ? [] : [when(field.kind, 'string', sql`${field.text} in (${sql.join(texts)})`)]),
    ...(numbers.length === 0 ? [] : [when(field.kind, 'number', sql`${field.number} in (${sql.join(numbers)})`)]),
    ...rest.map((value) => comparisonOf(field, '=', value)),
  ];
  return parts.length === 0 ? FALSE : sql<boolean>`(${sql.join(parts, sql` or `)})`;
}

/** In this order, whatever the engine would like better: what is text can't be read as a number. */
const when = (kind: Sql, wanted: string, condition: Sql): Sql<boolean> =>
  sql<boolean>`(case when ${kind} = ${sql.lit(wanted)} then ${condition} else ${FALSE} end)`;

const TIMES: Readonly<Record<string, string>> = { created_at: 'created_ms', updated_at: 'updated_ms' };

function fieldOf(name: string, engine: Engine): Field {
  if (name === 'id' || name === 'owner') return columnOf(name, 'string');
  if (Object.hasOwn(TIMES, name)) return columnOf(TIMES[name]!, 'number');
  return DOCUMENT_FIELDS[engine](name);
}

function columnOf(name: string, kind: 'string' | 'number'): Field {
  const column = sql.ref(`items.${name}`);
  return {
    kind: sql`(case when ${column} is null then null else ${sql.lit(kind)} end)`,
    // PostgreSQL wants a type in every branch, also where it is never taken.
    text: kind === 'string' ? column : sql`''`,
    number: kind === 'number' ? column : sql`0`,
    isTrue: FALSE,
  };
}

const DOCUMENT_FIELDS: Readonly<Record<Engine, (name: string) => Field>> = {
  sqlite(name) {
    const path = `$.${name}`;
    const type = sql`json_type(items.data, ${path})`;
    const value = sql`json_extract(items.data, ${path})`;
    return {
      kind: sql`(case ${type} when 'text' then 'string' when 'integer' then 'number' when 'real' then 'number' when 'true' then 'boolean' when 'false' then 'boolean' when 'object' then 'other' when 'array' then 'other' end)`,
      text: value,
      number: value,
      isTrue: sql`(${type} = 'true')`,
    };
  },
  postgres(name) {
    const value = sql`(items.data::jsonb -> ${name}::text)`;
    const text = sql`(items.data::jsonb ->> ${name}::text)`;
    return {
      kind: sql`(case jsonb_typeof${value} when 'string' then 'string' when 'number' then 'number' when 'boolean' then 'boolean' when 'object' then 'other' when 'array' then 'other' end)`,
      text: sql`${text} collate "C"`,
      number: sql`${text}::double precision`,
      isTrue: sql`(${text} = 'true')`,
    };
  },
};

/** The last that a Date can be. */
const MAX_TIME_MS = 8.64e15;

/** Times are kept as ms, and asked for as text or as ms. */
function valueFor(field: string, value: Scalar): Scalar {
  if (!Object.hasOwn(TIMES, field)) return value;
  const ms = typeof value === 'string' ? Date.parse(value) : value;
  if (typeof ms === 'number' && Math.abs(ms) <= MAX_TIME_MS) return Math.round(ms);
  throw new Fault(
    'BAD_REQUEST',
    `${field}: expected a time, as in "2026-01-31T12:00:00Z", "$now" or "$now(-1 day)", but it is ${JSON.stringify(value).slice(0, 80)}`,
  );
}
