/**
 * Export file: what a database holds, as lines of JSON, compressed. The first line says what follows, each other one is a
 * row, the last one is the end. Bytes are in base64. Secrets in it are sealed; the master key is not in it.
 */

import { createReadStream, createWriteStream } from 'node:fs';
import { access, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { StartError } from '../../core/start-error.ts';
import { SCHEMA, totalOf } from './contents.ts';
import type { Contents, Counts, Lot, OnProgress } from './contents.ts';
import { TABLES, TABLE_NAMES } from './tables.ts';
import type { Cell, Row, TableName } from './tables.ts';

const FORMAT = 'database export 1';

interface Header {
  readonly cordon: typeof FORMAT;
  readonly schema: readonly string[];
  readonly rows: Counts;
}

type Line =
  | { readonly table: TableName; readonly row: Readonly<Record<string, string | number | null>> }
  | { readonly end: true };

/** The file has its name only when all of it is on the disk. Throws a {@link StartError}. */
export async function writeExport(file: string, contents: Contents, onProgress: OnProgress): Promise<void> {
  const partial = `${file}.partial`;
  await refuseExisting(file);
  try {
    const output = createWriteStream(partial, { flags: 'wx', mode: 0o600, flush: true });
    await pipeline(Readable.from(linesOf(contents, onProgress)), createGzip(), output);
    await rename(partial, file);
    await syncFolder(dirname(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await rm(partial, { force: true });
    throw error instanceof StartError ? error : new StartError(`${file} can't be written: ${(error as Error).message}`);
  }
}

async function* linesOf({ schema, counts, lots }: Contents, onProgress: OnProgress): AsyncGenerator<string> {
  const header: Header = { cordon: FORMAT, schema, rows: counts };
  yield `${JSON.stringify(header)}\n`;
  const total = totalOf(counts);
  let done = 0;
  for await (const { table, rows } of lots) {
    for (const row of rows) yield `${JSON.stringify({ table, row: spelled(table, row) })}\n`;
    done += rows.length;
    onProgress(done, total, table);
  }
  yield `${JSON.stringify({ end: true })}\n`;
}

function spelled(table: TableName, row: Row): Row {
  const bytes = TABLES[table].bytes.filter((column) => row[column] !== null);
  if (bytes.length === 0) return row;
  return { ...row, ...Object.fromEntries(bytes.map((column) => [column, base64(row[column] as Uint8Array)])) };
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/** Its rows are read as they are asked for. Throws a {@link StartError} for what is no export, or one of another schema. */
export async function readExport(file: string): Promise<Contents> {
  const lines = readLines(file);
  const first = await lines.next();
  const header = first.done === true ? null : parsed(file, first.value);
  if (!isHeader(header)) throw new StartError(`${file} is not an export of Cordon's database`);
  requireSchema(file, header.schema);
  return { schema: header.schema, counts: header.rows, lots: readLots(file, lines) };
}

function isHeader(line: unknown): line is Header {
  const { cordon, schema, rows } = (line ?? {}) as Partial<Header>;
  return cordon === FORMAT && Array.isArray(schema) && typeof rows === 'object';
}

function requireSchema(file: string, schema: readonly string[]): void {
  const missing = SCHEMA.filter((step) => !schema.includes(step));
  const unknown = schema.filter((step) => !SCHEMA.includes(step));
  if (unknown.length > 0)
    throw new StartError(`${file} was written by a later Cordon (${unknown.join(', ')}): import it with that one`);
  if (missing.length > 0) {
    throw new StartError(
      `${file} was written by an earlier Cordon (without ${missing.join(', ')}): import it with that one, then start this one`,
    );
  }
}

async function* readLots(file: string, lines: AsyncGenerator<string>): AsyncGenerator<Lot> {
  let table: TableName | undefined;
  let rows: Row[] = [];
  for await (const text of lines) {
    const line = parsed(file, text) as Line;
    if ('end' in line) {
      if (table !== undefined && rows.length > 0) yield { table, rows };
      return;
    }
    if (!TABLE_NAMES.includes(line.table)) throw new StartError(`${file} has a table that this Cordon does not know`);
    if (table !== undefined && rows.length > 0 && (table !== line.table || rows.length === TABLES[table].lot)) {
      yield { table, rows };
      rows = [];
    }
    table = line.table;
    rows.push(unspelled(table, line.row));
  }
  throw new StartError(`${file} ends too early: it is not complete`);
}

function unspelled(table: TableName, row: Readonly<Record<string, Cell>>): Row {
  const bytes = TABLES[table].bytes.filter((column) => typeof row[column] === 'string');
  if (bytes.length === 0) return row;
  return { ...row, ...Object.fromEntries(bytes.map((column) => [column, Buffer.from(String(row[column]), 'base64')])) };
}

function parsed(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new StartError(`${file} is not an export of Cordon's database, or it is damaged`);
  }
}

/** Lines may be as long as a bundle, and come in many pieces. */
async function* readLines(file: string): AsyncGenerator<string> {
  const input = createReadStream(file);
  const unzipped = createGunzip();
  input.on('error', (error) => unzipped.destroy(error));
  let pieces: Buffer[] = [];
  try {
    for await (const chunk of input.pipe(unzipped) as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
        yield Buffer.concat([...pieces, chunk.subarray(start, end)]).toString('utf8');
        pieces = [];
        start = end + 1;
      }
      pieces.push(chunk.subarray(start));
    }
  } catch (error) {
    throw new StartError(`${file} can't be read: ${(error as Error).message}`, { cause: error });
  } finally {
    input.destroy();
  }
}

async function refuseExisting(file: string): Promise<void> {
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (isThere) throw new StartError(`${file} is there already: name a file that is not there yet`);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
