/** `cordon types`: tells editors what a project's functions find around them. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '../client.ts';
import { CliError, TENANT } from '../command.ts';
import type { Command } from '../command.ts';
import { PROJECT, projectFolderOf } from '../project-option.ts';
import { SCHEMA_FILE, TYPES_FILE, environmentTypes } from '../project/environment-types.ts';
import { readProject } from '../project/project.ts';
import type { Project } from '../project/project.ts';
import { note, writeJson, writeLine } from '../terminal.ts';
import { functionSecrets, tenantSecrets } from '../variables.ts';

export const typesCommand: Command = {
  name: 'types',
  operands: '',
  summary: `Write ${TYPES_FILE}: the types of ctx, env and Deno for this project`,
  notes: `Names of variables come from cordon.toml and from the secrets on the server. ${SCHEMA_FILE} is written anew, too.`,
  options: [{ name: 'offline', meaning: 'Do not ask the server for the names of secrets' }, PROJECT, TENANT],
  examples: [
    ['cordon types', 'after a change of cordon.toml or of secrets'],
    ['cordon types --offline', 'where no server runs'],
  ],
  async run(input) {
    input.words();
    const folder = projectFolderOf(input);
    const project = await readProject(folder);
    const names = [
      ...project.functions.flatMap(({ settings }) => Object.keys(settings.env ?? {})),
      ...(input.flag('offline') ? [] : await secretNames(project, input.tenant ?? project.tenant)),
    ];
    await writeFile(join(folder, TYPES_FILE), environmentTypes(names));
    const { schemaText } = await import('../project/manifest.ts');
    await writeFile(join(folder, SCHEMA_FILE), schemaText());
    const known = [...new Set(names)].sort();
    if (input.json) await writeJson({ files: [TYPES_FILE, SCHEMA_FILE], names: known });
    else await writeLine(`${TYPES_FILE} knows ${known.length === 0 ? 'no variables' : known.join(', ')}`);
    return 0;
  },
};

/** None where the server can't be asked, which is said. */
async function secretNames({ functions }: Project, tenant: string | undefined): Promise<string[]> {
  try {
    const client = createClient();
    const lists = await Promise.all([
      tenantSecrets(client, tenant),
      ...functions.map(({ name }) => functionSecrets(client, name, tenant)),
    ]);
    return lists.flat().map(({ name }) => name);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    note(`Without the names of secrets: ${error.message}`);
    return [];
  }
}
