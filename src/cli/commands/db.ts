/** `cordon db`: moves what Cordon keeps, from one database to another or to a safe place. The server must not be running. */

import { resolve } from 'node:path';
import { environmentWithDotenv, loadConfig } from '../../config.ts';
import { YES, confirm } from '../ask.ts';
import type { Command, Option } from '../command.ts';
import type { Input } from '../input.ts';
import { progress } from '../progress.ts';
import { writeJson, writeLine } from '../terminal.ts';

/** A SQLite data directory (absolute), or a PostgreSQL URL. */
export type DatabaseTarget = { readonly dataDir: string } | { readonly url: string };

/** Rows so far, of how many, and the table that they are in. */
export type OnProgress = (done: number, total: number, table: string) => void;

/** Each rejects with a StartError where the database can't be opened. */
export interface DatabaseWork {
  exportDatabase(target: DatabaseTarget, file: string, onProgress: OnProgress): Promise<unknown>;
  /** Into an empty database only. */
  importDatabase(target: DatabaseTarget, file: string, onProgress: OnProgress): Promise<unknown>;
  /** Into a folder that is not there yet. SQLite only. */
  backupDatabase(target: DatabaseTarget, directory: string): Promise<unknown>;
}

const WHERE: readonly Option[] = [
  { name: 'data-dir', value: 'FOLDER', meaning: 'The SQLite database of this folder' },
  { name: 'database-url', value: 'URL', meaning: 'This PostgreSQL database' },
];

const NOTES = `Without an option the database is the one that "cordon serve" would open here: CORDON_DATABASE_URL, else the one in
CORDON_DATA_DIR. Secrets stay sealed: the master key is no part of it, and has to be kept apart.`;

/** `load`: only when the work begins, because the other commands need none of it. */
export function dbCommands(load: () => Promise<DatabaseWork>): readonly Command[] {
  return [
    {
      name: 'db export',
      operands: 'FILE',
      summary: 'Write everything that Cordon keeps to one file',
      notes: NOTES,
      options: WHERE,
      examples: [['cordon db export cordon.ndjson.gz', 'while the server is stopped']],
      run: (input) => transfer(input, async (...given) => (await load()).exportDatabase(...given), 'exported to'),
    },
    {
      name: 'db import',
      operands: 'FILE',
      summary: 'Read such a file into an empty database',
      notes: NOTES,
      options: [...WHERE, YES],
      examples: [
        [
          'CORDON_DATABASE_URL=postgres://cordon@db/cordon cordon db import cordon.ndjson.gz',
          'from SQLite to PostgreSQL, after an export',
        ],
      ],
      async run(input) {
        await confirm(input, `Import ${input.one('FILE')} into ${nameOf(targetOf(input))}?`);
        return transfer(input, async (...given) => (await load()).importDatabase(...given), 'imported from');
      },
    },
    {
      name: 'db backup',
      operands: 'FOLDER',
      summary: 'Copy the SQLite database to a new folder, which can be used as a data directory',
      notes: NOTES,
      options: WHERE,
      examples: [['cordon db backup /backups/2026-11-21', 'a consistent copy']],
      async run(input) {
        const folder = resolve(input.one('FOLDER'));
        await (await load()).backupDatabase(targetOf(input), folder);
        if (input.json) await writeJson({ folder });
        else await writeLine(`${nameOf(targetOf(input))} is copied to ${folder}`);
        return 0;
      },
    },
  ];
}

type Transfer = (target: DatabaseTarget, file: string, onProgress: OnProgress) => Promise<unknown>;

async function transfer(input: Input, move: Transfer, done: string): Promise<number> {
  const file = resolve(input.one('FILE'));
  const target = targetOf(input);
  const bar = progress();
  let rows = 0;
  try {
    await move(target, file, (count, total, table) => {
      rows = count;
      bar.show(count, total, table);
    });
  } finally {
    bar.end();
  }
  if (input.json) await writeJson({ file, rows });
  else await writeLine(`${rows} rows ${done} ${file}`);
  return 0;
}

function targetOf(input: Input): DatabaseTarget {
  const url = input.text('database-url');
  const dataDir = input.text('data-dir');
  const config = loadConfig(
    { ...(url === undefined ? {} : { databaseUrl: url }), ...(dataDir === undefined ? {} : { dataDir }) },
    environmentWithDotenv(process.cwd()),
  );
  // A folder that is named on the command line is meant, whatever the environment says.
  if (config.databaseUrl === null || (dataDir !== undefined && url === undefined)) return { dataDir: config.dataDir };
  return { url: config.databaseUrl };
}

/** Without the password. */
function nameOf(target: DatabaseTarget): string {
  if ('dataDir' in target) return target.dataDir;
  const url = new URL(target.url);
  url.password = '';
  return String(url);
}
