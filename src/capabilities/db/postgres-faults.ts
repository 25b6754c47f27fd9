/** PostgreSQL faults: what a database refuses, as a fault that says no more than whoever wrote the query may know. */

import { Fault } from '../../core/faults.ts';
import type { FaultCode } from '../../core/faults.ts';
import { printable } from '../../lib/printable.ts';

interface Meaning {
  readonly code: FaultCode;
  readonly message: string;
}

const meaning = (code: FaultCode, message: string): Meaning => ({ code, message });

/** By SQLSTATE, or by its class: its first two letters. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  '22': meaning('BAD_REQUEST', 'A value does not fit its field'),
  '23': meaning('BAD_REQUEST', 'A constraint of the table refuses it'),
  '23505': meaning('CONFLICT', 'There is a row with the same key already'),
  '23503': meaning('CONFLICT', 'A row that it refers to, or that refers to it, stands against it'),
  '25006': meaning('FORBIDDEN', 'A read may not write'),
  '42501': meaning('FORBIDDEN', 'The database does not allow this caller to do that'),
  '42703': meaning('BAD_REQUEST', 'A field is not there any more'),
  '42P01': meaning('NOT_FOUND', 'The collection is not there any more'),
  '42804': meaning('BAD_REQUEST', 'A value has another type than its field'),
  '42883': meaning('BAD_REQUEST', 'A field of this type cannot be compared so'),
  '428C9': meaning('BAD_REQUEST', 'A field is made by the database itself'),
  '55000': meaning('BAD_REQUEST', 'The collection cannot be written to'),
  '55P03': meaning('OVERLOADED', 'A lock was not free in time'),
  '57014': meaning('OVERLOADED', 'The query took too long'),
  '40': meaning('CONFLICT', 'Another transaction came between'),
};

const MAX_RAISED_CHARS = 200;

/** Every other error is the operator's to see. */
export function faultOfPostgres(error: unknown, report: (error: unknown) => void): Fault {
  if (error instanceof Fault) return error;
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  const state = typeof code === 'string' ? code : '';
  // RAISE in a function of the database's owner is meant for whoever called it.
  if (state === 'P0001')
    return new Fault('BAD_REQUEST', `The database refused: ${printable(String(message)).slice(0, MAX_RAISED_CHARS)}`);
  const found = MEANINGS[state] ?? MEANINGS[state.slice(0, 2)];
  if (found !== undefined) return new Fault(found.code, found.message);
  report(error);
  return new Fault('OVERLOADED', 'The database can not be asked now; the host log has the reason');
}
