/** Query: what a function asks of `ctx.db.list`, read as hostile input, and bounded in every direction. */

import type { Comparison, ItemFilter, ItemOrder, ItemQuery, Scalar } from '../../core/items.ts';
import { bad, paramsOf, textOf, wholeOf } from '../params.ts';
import { resolveNow } from './now.ts';

const MAX_LIMIT = 1_000;
const DEFAULT_LIMIT = 100;
const MAX_OFFSET = 1_000_000;
const MAX_FIELDS = 100;
const MAX_SORT = 4;
/** Of `_and` and `_or` within each other. */
const MAX_DEPTH = 8;
const MAX_CONDITIONS = 40;
/** Of one `_in`, and of all conditions of a query. */
const MAX_LISTED = 250;
const MAX_VALUES = 500;
const MAX_TEXT_BYTES = 4_096;

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/** Throws BAD_REQUEST, as all here do. */
export function queryOf(given: unknown, nowMs: number): ItemQuery {
  const params = paramsOf(given ?? {}, ['filter', 'sort', 'fields', 'limit', 'offset'], 'query');
  const { filter = null, sort = null, fields = null, limit = DEFAULT_LIMIT, offset = 0 } = params;
  return {
    filter: filter === null ? { kind: 'all', filters: [] } : new FilterReader(nowMs).read(filter, 'filter', 0),
    sort: sort === null ? [] : listOf('sort', sort, MAX_SORT).map(orderOf),
    fields: fields === null ? null : listOf('fields', fields, MAX_FIELDS).map((name) => nameOf('fields', name)),
    limit: wholeOf('limit', limit, 0, MAX_LIMIT),
    offset: wholeOf('offset', offset, 0, MAX_OFFSET),
  };
}

/** Of a collection or a table. */
export const slugOf = (value: unknown): string => nameOf('slug', value);

/** Of a field: it is bound as a value or found in a catalogue, and needs no other letters. */
export function nameOf(what: string, value: unknown): string {
  if (typeof value === 'string' && NAME.test(value)) return value;
  throw bad(what, 'a name of letters, digits and _, not beginning with a digit, at most 63 long', value);
}

/** A list, or the one thing that would be in it. */
function listOf(what: string, value: unknown, max: number): readonly unknown[] {
  const list: readonly unknown[] = Array.isArray(value) ? (value as unknown[]) : [value];
  if (list.length <= max) return list;
  throw bad(what, `at most ${max} of them`, list.length);
}

/** `-created_at`: the last first. */
function orderOf(value: unknown): ItemOrder {
  const descending = typeof value === 'string' && value.startsWith('-');
  return { field: nameOf('sort', descending ? value.slice(1) : value), descending };
}

const COMPARISONS: ReadonlyMap<string, Comparison> = new Map([
  ['_eq', '='],
  ['_neq', '<>'],
  ['_gt', '>'],
  ['_gte', '>='],
  ['_lt', '<'],
  ['_lte', '<='],
]);
const OPERATORS: readonly string[] = [...COMPARISONS.keys(), '_in', '_nin', '_contains', '_null'];

class FilterReader {
  readonly #nowMs: number;
  #conditions = 0;
  #values = 0;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  /** `{ field: { _operator: value }, _and: [ … ], _or: [ … ] }`; several at once: all of them. */
  read(given: unknown, at: string, depth: number): ItemFilter {
    if (depth > MAX_DEPTH) throw bad(at, `at most ${MAX_DEPTH} of _and and _or within each other`, depth);
    if (typeof given !== 'object' || given === null || Array.isArray(given)) throw bad(at, 'an object', given);
    const filters = Object.entries(given).map(([name, value]) => {
      if (name !== '_and' && name !== '_or') return this.#readField(nameOf(at, name), value, `${at}.${name}`);
      if (!Array.isArray(value)) throw bad(`${at}.${name}`, 'a list of filters', value);
      this.#countConditions(value.length);
      const parts = value.map((part: unknown) => this.read(part, `${at}.${name}`, depth + 1));
      return { kind: name === '_and' ? 'all' : 'any', filters: parts } as const;
    });
    return filters.length === 1 ? filters[0]! : { kind: 'all', filters };
  }

  /** `{ _operator: value, … }`, or the value that it must equal. */
  #readField(field: string, given: unknown, at: string): ItemFilter {
    if (given === null) return this.#condition({ kind: 'null', field, isNull: true });
    if (typeof given !== 'object')
      return this.#condition({ kind: 'compare', field, comparison: '=', value: this.#valueOf(given, at) });
    if (Array.isArray(given)) throw bad(at, `an object of ${OPERATORS.join(', ')}`, given);
    if (Object.keys(given).length === 0) throw bad(at, `one of ${OPERATORS.join(', ')}`, undefined);
    const filters = Object.entries(given).map(([operator, value]) =>
      this.#readOperator(field, operator, value, `${at}.${operator.slice(0, 40)}`),
    );
    return filters.length === 1 ? filters[0]! : { kind: 'all', filters };
  }

  #readOperator(field: string, operator: string, value: unknown, at: string): ItemFilter {
    const comparison = COMPARISONS.get(operator);
    if (comparison !== undefined) return this.#readComparison(field, comparison, value, at);
    switch (operator) {
      case '_in':
      case '_nin': {
        if (!Array.isArray(value)) throw bad(at, 'a list', value);
        const values = listOf(at, value, MAX_LISTED).map((each) => this.#valueOf(each, at));
        return this.#condition({ kind: 'in', field, values, negated: operator === '_nin' });
      }
      case '_contains':
        return this.#condition({ kind: 'contains', field, text: textOf(at, value, MAX_TEXT_BYTES) });
      case '_null':
        if (typeof value !== 'boolean') throw bad(at, 'true or false', value);
        return this.#condition({ kind: 'null', field, isNull: value });
      default:
        throw bad(at, `one of ${OPERATORS.join(', ')}`, operator);
    }
  }

  #readComparison(field: string, comparison: Comparison, given: unknown, at: string): ItemFilter {
    if (given === null && (comparison === '=' || comparison === '<>'))
      return this.#condition({ kind: 'null', field, isNull: comparison === '=' });
    const value = this.#valueOf(given, at);
    if (typeof value === 'boolean' && comparison !== '=' && comparison !== '<>')
      throw bad(at, 'text or a number', value);
    return this.#condition({ kind: 'compare', field, comparison, value });
  }

  #valueOf(value: unknown, at: string): Scalar {
    this.#values++;
    if (this.#values > MAX_VALUES) throw bad('filter', `at most ${MAX_VALUES} values`, this.#values);
    if (typeof value === 'number' || typeof value === 'boolean') return value;
    if (typeof value !== 'string') throw bad(at, 'text, a number, true or false', value);
    const text = textOf(at, value, MAX_TEXT_BYTES);
    if (!text.startsWith('$now')) return text;
    const now = resolveNow(text, this.#nowMs);
    if (now === null) throw bad(at, '$now, or $now(-1 day) and the like', text);
    return now;
  }

  #condition(filter: ItemFilter): ItemFilter {
    this.#countConditions(1);
    return filter;
  }

  #countConditions(more: number): void {
    this.#conditions += more;
    if (this.#conditions > MAX_CONDITIONS)
      throw bad('filter', `at most ${MAX_CONDITIONS} conditions`, this.#conditions);
  }
}
