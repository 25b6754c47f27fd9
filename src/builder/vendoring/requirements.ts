/**
 * Requirements: a requirements.txt that may be handed to pip: names, versions, markers and hashes, and nothing that leads
 * elsewhere than to the operator's index.
 */

import { Fault } from '../../core/faults.ts';

export interface Requirements {
  /** For pip: one requirement a line, without comments. */
  readonly text: string;
  /** Every version is said, so that the same text means the same packages tomorrow. */
  readonly isLocked: boolean;
}

const MAX_CHARS = 512 * 1024;
const MAX_REQUIREMENTS = 1_000;
const MAX_LINE_CHARS = 32 * 1024;
const NAME = String.raw`[A-Za-z0-9](?:[A-Za-z0-9._-]{0,100}[A-Za-z0-9])?`;
const EXTRAS = String.raw`(?:\s*\[[A-Za-z0-9._,\s-]{0,200}\])?`;
const CLAUSE = String.raw`(?:===|~=|==|!=|<=|>=|<|>)\s*[A-Za-z0-9._*+!-]{1,80}`;
const VERSIONS = String.raw`(?:\s*\(?\s*${CLAUSE}(?:\s*,\s*${CLAUSE})*\s*,?\s*\)?)?`;
const MARKER = String.raw`(?:\s*;([^@#$]{1,500}?))?`;
const HASHES = String.raw`((?:\s+--hash=sha(?:256|384|512):[0-9a-f]{64,128})*)`;
const REQUIREMENT = new RegExp(`^${NAME}${EXTRAS}(${VERSIONS})${MARKER}${HASHES}$`);
const PINNED = /^\s*\(?\s*={2,3}[^,*]+\)?$/;

/** `path` is for messages. Throws BAD_REQUEST that names the line. Null: it asks for nothing. */
export function readRequirements(content: Uint8Array, path: string): Requirements | null {
  const source = Buffer.from(content).toString('utf8');
  if (source.length > MAX_CHARS) throw new Fault('BAD_REQUEST', `${path} is longer than ${MAX_CHARS / 1024} KB`);
  const kept: string[] = [];
  let isLocked = true;
  for (const { line, number } of logicalLines(source)) {
    const [, versions, marker = ''] = REQUIREMENT.exec(line) ?? [];
    // An option of pip may stand there, too.
    if (versions === undefined || /\s-/.test(marker))
      throw new Fault('BAD_REQUEST', `${path}:${number}: ${refusal(line)}`);
    isLocked &&= PINNED.test(versions);
    kept.push(line);
  }
  if (kept.length > MAX_REQUIREMENTS)
    throw new Fault('BAD_REQUEST', `${path} names ${kept.length} packages, more than ${MAX_REQUIREMENTS}`);
  return kept.length === 0 ? null : { text: `${kept.join('\n')}\n`, isLocked };
}

/** As pip joins them: a backslash at the end goes on, and a comment ends a line. */
function logicalLines(source: string): { readonly line: string; readonly number: number }[] {
  const found: { line: string; number: number }[] = [];
  let open = '';
  let from = 0;
  for (const [index, raw] of source.split(/\r?\n/).entries()) {
    if (open === '') from = index + 1;
    const text = raw.replace(/(?:^|\s)#.*$/, '');
    if (text.endsWith('\\') && text === raw) {
      open += `${text.slice(0, -1)} `;
      continue;
    }
    found.push({ line: plain(open + text), number: from });
    open = '';
  }
  if (open !== '') found.push({ line: plain(open), number: from });
  return found.filter(({ line }) => line !== '');
}

/** Runs of blanks are one: an expression that looks for them must not be kept busy by a million. */
const plain = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, MAX_LINE_CHARS);

function refusal(line: string): string {
  const shown = JSON.stringify(line.slice(0, 120));
  if (line.startsWith('-')) return `${shown}: options are not taken; the operator's index is used, and nothing else`;
  if (/\bgit\+|:\/\/|\s@\s|@\s*\w+:|^[./]|\\/.test(line))
    return `${shown}: a package is taken from the operator's index by its name, not from a path or an address`;
  return `${shown} is no requirement: expected a name and its versions, as in "requests==2.32.3"`;
}
