/**
 * Statement: SQL for a user's PostgreSQL, of three things only: our own words, names that its catalogue gave, and values
 * that are bound.
 */

import { escapeIdentifier } from 'pg';
import { Fault } from '../../core/faults.ts';
import type { ItemFilter, ItemOrder, ItemQuery, Scalar } from '../../core/items.ts';
import { MAX_RESULT_BYTES } from '../rpc-capability.ts';
import type { Table } from './catalogue.ts';
import type { Document } from './document.ts';

export interface Statement {
  readonly text: string;
  readonly values: readonly string[];
}

/** Rows as JSON in the column `row`; null for those that come after too many bytes. */
export function selectStatement(schema: string, table: Table, query: ItemQuery): Statement {
  const builder = new Builder(schema, table);
  const fields = query.fields ?? [...table.columns.keys()];
  const where = builder.condition(query.filter);
  const order = query.sort.map((term) => builder.order(term));
  return builder.statement(
    `select case when s.total <= ${MAX_RESULT_BYTES} then s.row end as row from (` +
      `select r.row, sum(octet_length(r.row) + 1) over (rows between unbounded preceding and current row) as total from (` +
      `select row_to_json(q)::text as row from (` +
      `select ${builder.columns(fields)} from ${builder.table} as t where ${where}` +
      (order.length === 0 ? '' : ` order by ${order.join(', ')}`) +
      ` limit ${builder.value(query.limit)}::bigint offset ${builder.value(query.offset)}::bigint` +
      `) q) r) s`,
  );
}

export function oneStatement(schema: string, table: Table, id: string): Statement {
  const builder = new Builder(schema, table);
  return builder.statement(
    `select row_to_json(q)::text as row from (` +
      `select ${builder.columns([...table.columns.keys()])} from ${builder.table} as t where ${builder.isKey(id)} limit 1) q`,
  );
}

export function insertStatement(schema: string, table: Table, data: Document): Statement {
  const builder = new Builder(schema, table);
  const names = Object.keys(data);
  if (names.length === 0)
    return builder.statement(builder.returning(`insert into ${builder.table} as t default values`));
  const columns = builder.names(names);
  return builder.statement(
    builder.returning(`insert into ${builder.table} as t (${columns}) select ${columns} from ${builder.record(data)}`),
  );
}

export function updateStatement(schema: string, table: Table, id: string, changes: Document): Statement {
  const builder = new Builder(schema, table);
  const names = Object.keys(changes);
  const sets = names.map((name) => `${builder.names([name])} = n.${builder.names([name])}`).join(', ');
  return builder.statement(
    builder.returning(
      `update ${builder.table} as t set ${sets} from ${builder.record(changes)} where ${builder.isKey(id)}`,
    ),
  );
}

export function deleteStatement(schema: string, table: Table, id: string): Statement {
  const builder = new Builder(schema, table);
  return builder.statement(builder.returning(`delete from ${builder.table} as t where ${builder.isKey(id)}`));
}

class Builder {
  readonly table: string;
  readonly #table: Table;
  readonly #values: string[] = [];

  constructor(schema: string, table: Table) {
    this.#table = table;
    this.table = `${escapeIdentifier(schema)}.${escapeIdentifier(table.name)}`;
  }

  statement(text: string): Statement {
    return { text, values: this.#values };
  }

  /** PostgreSQL reads it as whatever stands on its other side. */
  value(value: Scalar): string {
    return `$${this.#values.push(String(value))}`;
  }

  /** Throws BAD_REQUEST for one that the catalogue doesn't have. */
  #name(field: string): string {
    const column = this.#table.columns.get(field);
    if (column === undefined) throw new Fault('BAD_REQUEST', `${this.#table.name} has no field ${field}`);
    return escapeIdentifier(column.name);
  }

  names(fields: readonly string[]): string {
    return fields.map((field) => this.#name(field)).join(', ');
  }

  columns(fields: readonly string[]): string {
    return fields.map((field) => `t.${this.#name(field)}`).join(', ');
  }

  order({ field, descending }: ItemOrder): string {
    return `t.${this.#name(field)} ${descending ? 'desc nulls last' : 'asc nulls first'}`;
  }

  isKey(id: string): string {
    const { key, name } = this.#table;
    if (key === null)
      throw new Fault('BAD_REQUEST', `${name} has no primary key of one column: use list with a filter`);
    return `t.${this.#name(key)} = ${this.value(id)}`;
  }

  /** One row of values, as the table's own types. */
  record(data: Document): string {
    return `json_populate_record(null::${this.table}, $${this.#values.push(JSON.stringify(data))}::json) as n`;
  }

  returning(write: string): string {
    const columns = this.columns([...this.#table.columns.keys()]);
    return `with w as (${write} returning ${columns}) select row_to_json(w)::text as row from w`;
  }

  condition(filter: ItemFilter): string {
    switch (filter.kind) {
      case 'all':
      case 'any': {
        if (filter.filters.length === 0) return filter.kind === 'all' ? 'true' : 'false';
        const parts = filter.filters.map((part) => this.condition(part));
        return `(${parts.join(filter.kind === 'all' ? ' and ' : ' or ')})`;
      }
      case 'compare':
        return `t.${this.#name(filter.field)} ${filter.comparison} ${this.value(filter.value)}`;
      case 'in': {
        const name = `t.${this.#name(filter.field)}`;
        if (filter.values.length === 0) return filter.negated ? `${name} is not null` : 'false';
        const values = filter.values.map((value) => this.value(value)).join(', ');
        return `${name} ${filter.negated ? 'not in' : 'in'} (${values})`;
      }
      case 'contains':
        if (this.#table.columns.get(filter.field)?.isText === false)
          throw new Fault('BAD_REQUEST', `${filter.field} is not text, which _contains looks into`);
        return `strpos(t.${this.#name(filter.field)}::text, ${this.value(filter.text)}) > 0`;
      case 'null':
        return `t.${this.#name(filter.field)} is ${filter.isNull ? '' : 'not '}null`;
    }
  }
}
