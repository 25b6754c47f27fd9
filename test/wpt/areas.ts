/** Areas: the folders of a Web Platform Tests checkout that a guest is measured by. */

export interface Area {
  readonly name: string;
  /** Relative to the checkout. */
  readonly folders: readonly string[];
  readonly without?: readonly Exclusion[];
  /** Not every checkout has it. */
  readonly isOptional?: true;
  /** What is expected of it is expected with `--serve`. */
  readonly isServed?: true;
}

/** What is not run, or not counted: it asks for what is not there on purpose. How many these are is printed. */
export interface Exclusion {
  /** Of the file, relative to the checkout. */
  readonly path?: RegExp;
  /** Of a subtest. */
  readonly test?: RegExp;
  readonly reason: string;
}

const SHARED_MEMORY: Exclusion = {
  test: /SharedArrayBuffer/,
  reason: 'shared memory is taken out of the language',
};

const OF_FETCH: Pick<Area, 'isOptional' | 'isServed'> = { isOptional: true, isServed: true };

/** What a browser keeps from a page, a server is free to set. */
const BROWSER_HEADERS: Exclusion = {
  test: /"no-cors" Headers object|^Adding invalid (?:no-cors )?request header|is filtering headers provided|^Set-Cookie is a forbidden/,
  reason: 'no header is forbidden: there is no user to protect from a page',
};

export const AREAS: readonly Area[] = [
  { name: 'url', folders: ['url'] },
  { name: 'urlpattern', folders: ['urlpattern'], isOptional: true },
  {
    name: 'encoding',
    folders: ['encoding'],
    without: [
      SHARED_MEMORY,
      { path: /(replacement|unsupported)-encodings\.any\.js$/, reason: 'XMLHttpRequest decodes what a server sends' },
    ],
  },
  {
    name: 'streams',
    folders: ['streams'],
    without: [
      { path: /non-transferable-buffers\.any\.js$/, reason: 'only WebAssembly makes such a buffer' },
      { path: /^streams\/transferable\//, reason: 'there is nobody to transfer a stream to' },
    ],
  },
  { name: 'WebCryptoAPI', folders: ['WebCryptoAPI'] },
  { name: 'dom/abort', folders: ['dom/abort'] },
  { name: 'dom/events', folders: ['dom/events'] },
  {
    name: 'FileAPI',
    folders: ['FileAPI'],
    without: [
      { path: /^FileAPI\/url\/url-with-xhr/, reason: 'there is no XMLHttpRequest' },
      { path: /\/send-file-formdata[\w-]*\.any\.js$/, reason: 'a server has to send the form back' },
    ],
  },
  { name: 'compression', folders: ['compression'] },
  { name: 'console', folders: ['console'] },
  { name: 'structured-clone', folders: ['html/webappapis/structured-clone'] },
  { name: 'atob', folders: ['html/webappapis/atob'] },
  { name: 'timers', folders: ['html/webappapis/timers'] },
  { name: 'microtask', folders: ['html/webappapis/microtask-queuing'] },
  { name: 'user-timing', folders: ['user-timing'] },
  {
    name: 'performance-timeline',
    folders: ['performance-timeline'],
    without: [
      {
        path: /(webtiming-resolution|po-entries-sort)\.any\.js$/,
        reason: 'a loop waits for the clock, which stands still within a turn',
      },
    ],
  },
  { name: 'hr-time', folders: ['hr-time'] },
  { name: 'webidl', folders: ['webidl'] },
  { name: 'webmessaging', folders: ['webmessaging/message-channels'] },
  {
    name: 'fetch/headers',
    folders: ['fetch/api/headers'],
    ...OF_FETCH,
    without: [
      { test: /XMLHttpRequest/, reason: 'there is no XMLHttpRequest' },
      {
        test: /^fetch\(\) with (?:value %[01]|all valid values)/,
        reason: 'a header with control characters is not sent',
      },
      BROWSER_HEADERS,
    ],
  },
  {
    name: 'fetch/request',
    folders: ['fetch/api/request'],
    ...OF_FETCH,
    without: [{ path: /\/request-cache-/, reason: 'there is no HTTP cache' }, BROWSER_HEADERS],
  },
  { name: 'fetch/response', folders: ['fetch/api/response'], ...OF_FETCH },
  { name: 'fetch/body', folders: ['fetch/api/body'], ...OF_FETCH },
  {
    name: 'fetch/abort',
    folders: ['fetch/api/abort'],
    ...OF_FETCH,
    without: [{ path: /\/cache\.https\.any\.js$/, reason: 'there is no Cache' }],
  },
  { name: 'fetch/data-urls', folders: ['fetch/data-urls'], isOptional: true },
  { name: 'xhr/formdata', folders: ['xhr/formdata'], isOptional: true },
];
