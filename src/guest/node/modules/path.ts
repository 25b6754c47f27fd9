/** node:path, of POSIX: there is no other kind of path here, and no folder but `/` to be in. */

import { invalidArgument, requireString } from '../lib/errors.ts';

export interface ParsedPath {
  root: string;
  dir: string;
  base: string;
  ext: string;
  name: string;
}

export const sep = '/';
export const delimiter = ':';

/** Without `.`, `..` and empty parts; where a path is not absolute, `..` at its beginning stays. */
function withoutDots(path: string, hasRoot: boolean): string {
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (!hasRoot) kept.push('..');
  }
  return kept.join('/');
}

export function resolve(...paths: string[]): string {
  let resolved = '';
  for (let i = paths.length - 1; i >= 0 && !resolved.startsWith('/'); i--) {
    const path = paths[i];
    requireString(`paths[${i}]`, path);
    if (path !== '') resolved = `${path}/${resolved}`;
  }
  return `/${withoutDots(resolved, true)}`;
}

export function normalize(path: string): string {
  requireString('path', path);
  if (path === '') return '.';
  const absolute = path.startsWith('/');
  const kept = withoutDots(path, absolute);
  if (kept === '') return absolute ? '/' : path.endsWith('/') ? './' : '.';
  return `${absolute ? '/' : ''}${kept}${path.endsWith('/') ? '/' : ''}`;
}

export function isAbsolute(path: string): boolean {
  requireString('path', path);
  return path.startsWith('/');
}

export function join(...paths: string[]): string {
  for (const path of paths) requireString('path', path);
  const joined = paths.filter((path) => path !== '').join('/');
  return joined === '' ? '.' : normalize(joined);
}

export function relative(from: string, to: string): string {
  requireString('from', from);
  requireString('to', to);
  const [start, end] = [resolve(from), resolve(to)].map((path) => path.split('/').filter((part) => part !== ''));
  let same = 0;
  while (same < start!.length && same < end!.length && start![same] === end![same]) same++;
  return [...start!.slice(same).map(() => '..'), ...end!.slice(same)].join('/');
}

export const toNamespacedPath = (path: string): string => path;

export function dirname(path: string): string {
  requireString('path', path);
  const start = path.search(/[^/]+\/*$/);
  if (start <= 0) return path.startsWith('/') ? '/' : '.';
  const parent = path.slice(0, start - 1);
  // As Node has it: two slashes at the beginning stay.
  return parent === '' ? '/' : parent === '/' ? '//' : parent;
}

export function basename(path: string, suffix = ''): string {
  requireString('path', path);
  requireString('suffix', suffix);
  const base = /([^/]*)\/*$/.exec(path)![1]!;
  if (suffix === '' || suffix.length > path.length) return base;
  if (base === '' || suffix === path) return base === '' ? path : '';
  return base !== suffix && base.endsWith(suffix) ? base.slice(0, -suffix.length) : base;
}

export function extname(path: string): string {
  const base = basename(path);
  const dot = base.lastIndexOf('.');
  return dot <= 0 || base === '..' ? '' : base.slice(dot);
}

export function parse(path: string): ParsedPath {
  requireString('path', path);
  const root = path.startsWith('/') ? '/' : '';
  const base = basename(path);
  const ext = extname(path);
  const start = path.replace(/\/+$/, '').length - base.length;
  const dir = base === '' ? root : start <= root.length ? root : path.slice(0, start).replace(/\/$/, '');
  return { root, dir, base, ext, name: ext === '' ? base : base.slice(0, -ext.length) };
}

export function format(parts: Partial<ParsedPath>): string {
  if (typeof parts !== 'object' || parts === null) throw invalidArgument('pathObject', 'of type object', parts);
  const dir = parts.dir ?? parts.root;
  const { ext = '' } = parts;
  const base = parts.base ?? `${parts.name ?? ''}${ext === '' || ext.startsWith('.') ? ext : `.${ext}`}`;
  if (dir === undefined || dir === '') return base;
  return dir === parts.root ? `${dir}${base}` : `${dir}/${base}`;
}

export const posix: object = {
  basename,
  delimiter,
  dirname,
  extname,
  format,
  isAbsolute,
  join,
  normalize,
  parse,
  relative,
  resolve,
  sep,
  toNamespacedPath,
};
Object.assign(posix, { posix });

export default posix;
