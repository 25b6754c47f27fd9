/** The options by which a command finds the project that it works on. */

import { resolve } from 'node:path';
import type { Option } from './command.ts';
import type { Input } from './input.ts';

export const PROJECT: Option = {
  name: 'project',
  value: 'FOLDER',
  meaning: 'Where the project is (default: the working directory)',
};

export const ROOT: Option = {
  name: 'root',
  value: 'FOLDER',
  meaning: 'Functions may import files of this folder (default: the project), and packages of those above it',
};

/** Absolute. */
export const rootOf = (input: Input): string => resolve(input.text('root') ?? projectFolderOf(input));

/** Absolute. */
export const projectFolderOf = (input: Input): string => resolve(input.text('project') ?? '.');
