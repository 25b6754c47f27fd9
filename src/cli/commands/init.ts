/** `cordon init`: makes a project, with one function, that `cordon dev` and `cordon deploy` can take at once. */

import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CliError } from '../command.ts';
import type { Command } from '../command.ts';
import { SCHEMA_FILE, TYPES_FILE, environmentTypes } from '../project/environment-types.ts';
import { writeJson, writeLine } from '../terminal.ts';

export const initCommand: Command = {
  name: 'init',
  operands: '[FOLDER]',
  summary: 'Make a project: cordon.toml, a function, types for editors',
  notes: 'It overwrites nothing: where one of its files is there already, none is written.',
  options: [],
  examples: [
    ['cordon init', 'in the working directory'],
    ['cordon init my-functions && cd my-functions && cordon dev', 'and try it'],
  ],
  async run(input) {
    const folder = resolve(input.positionals.length === 0 ? '.' : input.one('FOLDER'));
    const { schemaText } = await import('../project/manifest.ts');
    const files = projectFiles(schemaText());
    const there = Object.keys(files).filter((path) => existsSync(join(folder, path)));
    if (there.length > 0) throw new CliError(`nothing was written: ${there.join(', ')} is there already`);
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content, { flag: 'wx' });
    }
    if (input.json) await writeJson({ folder, files: Object.keys(files) });
    else await writeLine(`${Object.keys(files).join('\n')}\n\nNext: ${hint(folder)}cordon dev`);
    return 0;
  },
};

/** Path → content. */
function projectFiles(schema: string): Readonly<Record<string, string>> {
  return {
    'cordon.toml': MANIFEST,
    'functions/hello/index.ts': FUNCTION,
    'functions/_shared/greeting.ts': SHARED,
    'tsconfig.json': `${JSON.stringify(TSCONFIG, null, 2)}\n`,
    [TYPES_FILE]: environmentTypes(['GREETING']),
    [SCHEMA_FILE]: schema,
    '.gitignore': 'node_modules/\n.cordon/\n.env\n',
  };
}

const MANIFEST = `#:schema ./${SCHEMA_FILE}

[functions.hello]
verify_jwt = false
timeout_ms = 5000
env = { GREETING = "hello" }
`;

const FUNCTION = `import { greeting } from '../_shared/greeting.ts';

export default {
  async fetch(request: Request, { GREETING }: CordonEnv): Promise<Response> {
    const name = new URL(request.url).searchParams.get('name') ?? 'world';
    console.log(\`greeting \${name}\`);
    return new Response(greeting(GREETING, name));
  },
};
`;

const SHARED = `/** Folders that begin with an underscore are no functions: they hold what functions import. */

export const greeting = (word: string, name: string): string => \`\${word}, \${name}\\n\`;
`;

const TSCONFIG = {
  compilerOptions: {
    target: 'esnext',
    module: 'esnext',
    moduleResolution: 'bundler',
    lib: ['esnext', 'webworker'],
    types: [],
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    isolatedModules: true,
    skipLibCheck: true,
  },
  include: ['functions', TYPES_FILE],
};

const hint = (folder: string): string => (folder === process.cwd() ? '' : `cd ${basename(folder)} && `);
