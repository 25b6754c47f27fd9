/** Whatever was thrown, as a message and a stack without frames of ours or of Node's own. */

import { basename } from 'node:path';
import { describeError as describe } from '../isolate/describe-error.ts';

/** All of ours is one bundle, this file. */
const OURS = basename(new URL(import.meta.url).pathname);
const NODES = /\(node:|at (?:async )?node:/;

export function describeError(error: unknown): { readonly message: string; readonly stack: string | null } {
  const { message, stack } = describe(error);
  return {
    message,
    stack: stack === null ? null : stack.split('\n').filter(isTheirs).join('\n').replaceAll(MODULE_FILE, 'function.js'),
  };
}

const isTheirs = (line: string): boolean => !line.startsWith('    at ') || !(line.includes(OURS) || NODES.test(line));

/** A module has a URL where a script has a name. */
const MODULE_FILE = 'file:///function.js';
