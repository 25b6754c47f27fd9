/**
 * Project: the uploaded sources as files in a folder of their own, which is the whole world of the build.
 *
 * A script (a function body with top-level `return`) becomes a module by a prefix on its first line, so that every line
 * keeps its number; what is said about the code is said in the positions of the code as it was uploaded.
 */

import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import type { BuildRequest } from '../../wire/build-messages.ts';

const SCRIPT_PREFIX = 'export default async (ctx) => {';
const SCRIPT_SUFFIX = '\n}\n';
const BYTE_ORDER_MARK = '\ufeff';

/** Both count from 1; the column in UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export class Project {
  readonly dir: string;
  readonly entry: string;
  readonly isScript: boolean;
  readonly engine: BuildRequest['engine'];
  readonly #files = new Map<string, Uint8Array>();
  #root = '';

  constructor(dir: string, request: BuildRequest, contents: Uint8Array) {
    this.dir = dir;
    this.entry = request.entry;
    this.isScript = request.handler === 'script';
    this.engine = request.engine;
    let at = 0;
    for (const [path, bytes] of request.files) {
      this.#files.set(path, contents.subarray(at, at + bytes));
      at += bytes;
    }
  }

  write(): void {
    // Fails where the folder is there already, which then is not ours.
    mkdirSync(this.dir, { mode: 0o700 });
    this.#root = realpathSync(this.dir) + sep;
    const folders = new Set([this.dir]);
    for (const [path, content] of this.#files) {
      const file = join(this.dir, path);
      const folder = dirname(file);
      if (!folders.has(folder)) mkdirSync(folder, { recursive: true });
      folders.add(folder);
      writeFileSync(file, this.#isWrapped(path) ? SCRIPT_PREFIX + this.text(path)! + SCRIPT_SUFFIX : content, {
        flag: 'wx',
      });
    }
  }

  /** Whether a path, all its links followed, is a file of this project. */
  contains(path: string): boolean {
    try {
      return realpathSync(path).startsWith(this.#root);
    } catch {
      return false;
    }
  }

  bytes(path: string): Uint8Array | undefined {
    return this.#files.get(path);
  }

  /** As it was uploaded, without a byte order mark; undefined where there is no such file. */
  text(path: string): string | undefined {
    const content = this.#files.get(path);
    if (content === undefined) return undefined;
    const text = Buffer.from(content.buffer, content.byteOffset, content.length).toString('utf8');
    return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  }

  /** From a position in the file as it was written; null beyond the end of what was uploaded. */
  uploadedPosition(path: string, { line, column }: Position): Position | null {
    if (!this.#isWrapped(path)) return { line, column };
    if (line > this.text(path)!.split('\n').length) return null;
    return { line, column: line === 1 ? Math.max(1, column - SCRIPT_PREFIX.length) : column };
  }

  #isWrapped(path: string): boolean {
    return this.isScript && path === this.entry;
  }
}
