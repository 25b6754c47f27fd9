/** Areas: the folders of a Web Platform Tests checkout that a guest is measured by. */

export interface Area {
  readonly name: string;
  /** Relative to the checkout. */
  readonly folders: readonly string[];
  readonly without?: readonly Exclusion[];
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

export const AREAS: readonly Area[] = [
  { name: 'url', folders: ['url'] },
  { name: 'urlpattern', folders: ['urlpattern'] },
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
      { path: /^FileAPI\/url\//, reason: 'a blob: URL names an object of a document or worker' },
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
  { name: 'fetch/headers', folders: ['fetch/api/headers'] },
  { name: 'fetch/request', folders: ['fetch/api/request'] },
  { name: 'fetch/response', folders: ['fetch/api/response'] },
  { name: 'fetch/body', folders: ['fetch/api/body'] },
  { name: 'fetch/abort', folders: ['fetch/api/abort'] },
  { name: 'xhr/formdata', folders: ['xhr/formdata'] },
];
