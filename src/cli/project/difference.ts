/**
 * Difference: what a deployment would change of a function, as far as it can be told from here: the code by its hash, the
 * settings that the project names, and the names of its variables (their values are not shown by the server).
 */

import { HTTP_TRIGGER } from '../../core/function-record.ts';
import { runtimeOf } from '../../core/runtime.ts';
import type { DeployedVersion } from '../views.ts';
import type { DeploymentSettings, Prepared } from './deployment.ts';

export interface Difference {
  /** `+` is new, `-` goes, `~` changes. */
  readonly sign: '+' | '-' | '~';
  readonly text: string;
}

/** Settings of which what the server shows can be compared with what is sent, by the name that both have. */
const COMPARED = [
  'handler',
  'handlerKind',
  'timeoutMs',
  'memoryMb',
  'limits',
  'minimumWall',
  'runtime',
  'tier',
  'cordon',
  'grant',
  'requestBody',
  'passAuthorization',
  'verifyJwt',
  'cors',
  'egress',
  'capabilities',
  'codeGeneration',
  'active',
  'trigger',
  'publicDomain',
] as const satisfies readonly (keyof DeploymentSettings)[];

/** Of a function that is new: what goes without saying. */
const BEFORE_ALL: Readonly<Record<string, unknown>> = { trigger: HTTP_TRIGGER, runtime: 'javascript' };

/** `deployed`: what is live now, null where nothing is. Empty: only values of variables can have changed. */
export function differences(prepared: Prepared, deployed: DeployedVersion | null): readonly Difference[] {
  const files = `${prepared.sources.files.size} ${prepared.sources.files.size === 1 ? 'file' : 'files'}`;
  if (deployed === null)
    return [{ sign: '+', text: `code ${short(prepared.hash)} (${files})` }, ...settingsOf(prepared)];
  return [
    ...(prepared.hash === deployed.hash
      ? []
      : [{ sign: '~' as const, text: `code ${short(deployed.hash)} → ${short(prepared.hash)} (${files})` }]),
    ...COMPARED.flatMap((name) => changeOf(name, wantedOf(prepared, name), deployed.settings[name])),
    ...namesOf(Object.keys(prepared.settings.env ?? {}), deployed.env),
  ];
}

function settingsOf(prepared: Prepared): Difference[] {
  return [
    ...COMPARED.flatMap((name) => changeOf(name, wantedOf(prepared, name), BEFORE_ALL[name])),
    ...namesOf(Object.keys(prepared.settings.env ?? {}), []),
  ];
}

/** The server keeps the language, and not the version that was wished for. */
function wantedOf({ settings }: Prepared, name: (typeof COMPARED)[number]): unknown {
  return name === 'runtime' && settings.runtime !== undefined ? runtimeOf(settings.runtime) : settings[name];
}

/** What is not sent gets the operator's default, which is not known here: nothing is said of it. */
function changeOf(name: string, wanted: unknown, is: unknown): Difference[] {
  if (wanted === undefined || contains(is, wanted)) return [];
  const text = is === undefined || is === null ? shown(wanted) : `${shown(is)} → ${shown(wanted)}`;
  return [{ sign: is === undefined || is === null ? '+' : '~', text: `${name} ${text}` }];
}

function namesOf(wanted: readonly string[], are: readonly string[]): Difference[] {
  return [
    ...wanted.filter((name) => !are.includes(name)).map((name): Difference => ({ sign: '+', text: `env ${name}` })),
    ...are.filter((name) => !wanted.includes(name)).map((name): Difference => ({ sign: '-', text: `env ${name}` })),
  ];
}

/** Of a table, only what is wanted: the server fills in the rest. */
function contains(is: unknown, wanted: unknown): boolean {
  if (wanted === undefined) return true;
  if (typeof wanted !== 'object' || wanted === null || typeof is !== 'object' || is === null) return is === wanted;
  if (Array.isArray(wanted)) return JSON.stringify(wanted) === JSON.stringify(is);
  return Object.entries(wanted).every(([key, value]) => contains((is as Record<string, unknown>)[key], value));
}

const short = (hash: string): string => hash.slice(0, 8);
const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
