/**
 * URL, as the URL standard has it. A URL that is in its final form already, as most are, is kept as text and its parts
 * are slices of it; the standard's parser is loaded for the others, and for changes.
 */

import type { UrlRecord } from 'whatwg-url/lib/url-state-machine.js';
import { defineInterface, requireArguments } from './interface.ts';
import * as modules from './modules.ts';
import { stringIndexOf, stringSlice, toWellFormed, TypeError } from './primordials.ts';
import { queryObject } from './url-query.ts';
import { isURLSearchParams, paramsOfUrl, resetParams, URLSearchParams } from './url-search-params.ts';
import { canonicalForm, canonicalOn, isFragment, isPath, isQuery } from './url-text.ts';

export { isURLSearchParams, queryObject, URLSearchParams };

const text = (value: unknown): string => toWellFormed(`${value as string}`);

/** What a log shows of a URL or its parameters; null for anything else. */
export let urlParts: (value: object) => object | null;

export class URL {
  /** Null once the URL is held as a record. */
  #href: string | null = null;
  #record: UrlRecord | null = null;
  #params: URLSearchParams | null = null;

  static {
    urlParts = (value) => {
      if (isURLSearchParams(value)) return { query: value.toString() };
      return #href in value ? { href: value.#text() } : null;
    };
  }

  constructor(url: unknown, base: unknown = undefined) {
    requireArguments(arguments.length, 1, 'new URL()');
    const given = text(url);
    const on = base === undefined ? undefined : text(base);
    this.#href = on === undefined ? canonicalForm(given) : canonicalOn(on, given);
    if (this.#href === null) this.#record = parseOrThrow(given, on);
  }

  static canParse(url: unknown, base: unknown = undefined): boolean {
    requireArguments(arguments.length, 1, 'URL.canParse()');
    return parse(url, base) !== null;
  }

  static parse(url: unknown, base: unknown = undefined): URL | null {
    requireArguments(arguments.length, 1, 'URL.parse()');
    return parse(url, base);
  }

  static createObjectURL(value: unknown): string {
    requireArguments(arguments.length, 1, 'URL.createObjectURL()');
    return modules.blobUrl().createObjectURL(value);
  }

  static revokeObjectURL(url: unknown): void {
    requireArguments(arguments.length, 1, 'URL.revokeObjectURL()');
    modules.blobUrl().revokeObjectURL(text(url));
  }

  get href(): string {
    return this.#text();
  }

  set href(value: unknown) {
    this.#record = parseOrThrow(text(value), undefined);
    this.#href = null;
    this.#resetParams();
  }

  get origin(): string {
    const href = this.#href;
    return href === null
      ? modules.urlParser().serializeURLOrigin(this.#parsed())
      : stringSlice(href, 0, pathStart(href));
  }

  get protocol(): string {
    const href = this.#href;
    return href === null ? `${this.#parsed().scheme}:` : stringSlice(href, 0, stringIndexOf(href, ':') + 1);
  }

  set protocol(value: unknown) {
    this.#change(`${text(value)}:`, 'scheme start');
  }

  get username(): string {
    return this.#href === null ? this.#parsed().username : '';
  }

  set username(value: unknown) {
    const { cannotHaveAUsernamePasswordPort, setTheUsername } = modules.urlParser();
    const given = text(value);
    if (!cannotHaveAUsernamePasswordPort(this.#changing())) setTheUsername(this.#changing(), given);
  }

  get password(): string {
    return this.#href === null ? this.#parsed().password : '';
  }

  set password(value: unknown) {
    const { cannotHaveAUsernamePasswordPort, setThePassword } = modules.urlParser();
    const given = text(value);
    if (!cannotHaveAUsernamePasswordPort(this.#changing())) setThePassword(this.#changing(), given);
  }

  get host(): string {
    const href = this.#href;
    if (href !== null) return stringSlice(href, stringIndexOf(href, ':') + 3, pathStart(href));
    const { host, port } = this.#parsed();
    if (host === null) return '';
    return port === null ? this.hostname : `${modules.urlParser().serializeHost(host)}:${port}`;
  }

  set host(value: unknown) {
    if (!this.#isOpaque()) this.#change(text(value), 'host');
  }

  get hostname(): string {
    const href = this.#href;
    if (href !== null) {
      const { host } = this;
      const colon = stringIndexOf(host, ':');
      return colon === -1 ? host : stringSlice(host, 0, colon);
    }
    const { host } = this.#parsed();
    return host === null ? '' : modules.urlParser().serializeHost(host);
  }

  set hostname(value: unknown) {
    if (!this.#isOpaque()) this.#change(text(value), 'hostname');
  }

  get port(): string {
    if (this.#href !== null) {
      const { host } = this;
      const colon = stringIndexOf(host, ':');
      return colon === -1 ? '' : stringSlice(host, colon + 1);
    }
    const { port } = this.#parsed();
    return port === null ? '' : `${port}`;
  }

  set port(value: unknown) {
    const given = text(value);
    const record = this.#changing();
    if (modules.urlParser().cannotHaveAUsernamePasswordPort(record)) return;
    if (given === '') record.port = null;
    else this.#change(given, 'port');
  }

  get pathname(): string {
    const href = this.#href;
    return href === null
      ? modules.urlParser().serializePath(this.#parsed())
      : stringSlice(href, pathStart(href), queryStart(href));
  }

  set pathname(value: unknown) {
    const given = text(value);
    if (this.#splice(isPath(given), given, null, null) || this.#isOpaque()) return;
    this.#changing().path = [];
    this.#change(given, 'path start');
  }

  get search(): string {
    const query = this.#query();
    return query === '' ? '' : `?${query}`;
  }

  set search(value: unknown) {
    const given = text(value);
    const query = given === '' || given[0] === '?' ? given : `?${given}`;
    if (!this.#splice(query !== '?' && isQuery(query), null, query, null)) {
      const record = this.#changing();
      record.query = query === '' ? null : '';
      if (query !== '') this.#change(stringSlice(query, 1), 'query');
    }
    this.#resetParams();
  }

  get searchParams(): URLSearchParams {
    return (this.#params ??= paramsOfUrl(this.#query(), (query) => {
      // Its own serializer leaves nothing that a query would have to escape.
      if (this.#splice(true, null, query === '' ? '' : `?${query}`, null)) return;
      this.#changing().query = query === '' ? null : query;
    }));
  }

  get hash(): string {
    const href = this.#href;
    const fragment = href === null ? (this.#parsed().fragment ?? '') : stringSlice(href, fragmentStart(href) + 1);
    return fragment === '' ? '' : `#${fragment}`;
  }

  set hash(value: unknown) {
    const given = text(value);
    const fragment = given === '' || given[0] === '#' ? given : `#${given}`;
    if (this.#splice(fragment !== '#' && isFragment(fragment), null, null, fragment)) return;
    const record = this.#changing();
    record.fragment = fragment === '' ? null : '';
    if (fragment !== '') this.#change(stringSlice(fragment, 1), 'fragment');
  }

  toString(): string {
    return this.#text();
  }

  toJSON(): string {
    return this.#text();
  }

  #text(): string {
    return this.#href ?? modules.urlParser().serializeURL(this.#parsed());
  }

  #query(): string {
    const href = this.#href;
    return href === null ? (this.#parsed().query ?? '') : stringSlice(href, queryStart(href) + 1, fragmentStart(href));
  }

  /** Puts other parts in the place of those that are not null, if that is known to leave it canonical. */
  #splice(isSafe: boolean, path: string | null, query: string | null, fragment: string | null): boolean {
    const href = this.#href;
    if (!isSafe || href === null) return false;
    const pathAt = pathStart(href);
    const queryAt = queryStart(href);
    const fragmentAt = fragmentStart(href);
    this.#href =
      stringSlice(href, 0, pathAt) +
      (path ?? stringSlice(href, pathAt, queryAt)) +
      (query ?? stringSlice(href, queryAt, fragmentAt)) +
      (fragment ?? stringSlice(href, fragmentAt));
    this.#record = null;
    return true;
  }

  #parsed(): UrlRecord {
    return (this.#record ??= parseOrThrow(this.#href as string, undefined));
  }

  /** The record, to be changed: the text does not hold any more. */
  #changing(): UrlRecord {
    const record = this.#parsed();
    this.#href = null;
    return record;
  }

  #change(input: string, stateOverride: string): void {
    modules.urlParser().basicURLParse(input, { url: this.#changing(), stateOverride });
  }

  #isOpaque(): boolean {
    return modules.urlParser().hasAnOpaquePath(this.#parsed());
  }

  #resetParams(): void {
    if (this.#params !== null) resetParams(this.#params, this.#query());
  }
}

defineInterface(URL, 'URL');

function parse(url: unknown, base: unknown): URL | null {
  const given = text(url);
  const on = base === undefined ? undefined : text(base);
  try {
    return new URL(given, on);
  } catch {
    return null;
  }
}

function parseOrThrow(given: string, base: string | undefined): UrlRecord {
  const { basicURLParse } = modules.urlParser();
  const baseURL = base === undefined ? null : basicURLParse(base);
  if (base !== undefined && baseURL === null) throw new TypeError(`Invalid base URL: ${shortened(base)}`);
  const record = basicURLParse(given, { baseURL });
  if (record === null) throw new TypeError(`Invalid URL: ${shortened(given)}`);
  return record;
}

/** Of a URL that is canonical: `https://` is followed by a host and a path. */
const pathStart = (href: string): number => stringIndexOf(href, '/', 8);

function queryStart(href: string): number {
  const end = fragmentStart(href);
  const mark = stringIndexOf(href, '?');
  return mark === -1 || mark > end ? end : mark;
}

function fragmentStart(href: string): number {
  const mark = stringIndexOf(href, '#');
  return mark === -1 ? href.length : mark;
}

const shortened = (given: string): string => (given.length > 200 ? `${stringSlice(given, 0, 200)}…` : given);
