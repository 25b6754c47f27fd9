/** Areas: the folders of a Web Platform Tests checkout that a guest is measured by. */

export interface Area {
  readonly name: string;
  /** Relative to the checkout. */
  readonly folders: readonly string[];
  /** Files that ask for what no server-side runtime has (a document, a service worker, a form to submit). */
  readonly without?: RegExp;
}

export const AREAS: readonly Area[] = [
  { name: 'url', folders: ['url'] },
  { name: 'urlpattern', folders: ['urlpattern'] },
  { name: 'encoding', folders: ['encoding'] },
  { name: 'streams', folders: ['streams'] },
  { name: 'WebCryptoAPI', folders: ['WebCryptoAPI'] },
  { name: 'dom/abort', folders: ['dom/abort'] },
  { name: 'dom/events', folders: ['dom/events'] },
  { name: 'FileAPI', folders: ['FileAPI'] },
  { name: 'compression', folders: ['compression'] },
  { name: 'console', folders: ['console'] },
  { name: 'structured-clone', folders: ['html/webappapis/structured-clone'] },
  { name: 'atob', folders: ['html/webappapis/atob'] },
  { name: 'timers', folders: ['html/webappapis/timers'] },
  { name: 'microtask', folders: ['html/webappapis/microtask-queuing'] },
  { name: 'user-timing', folders: ['user-timing'] },
  { name: 'hr-time', folders: ['hr-time'] },
  { name: 'webmessaging', folders: ['webmessaging'] },
  { name: 'fetch/headers', folders: ['fetch/api/headers'] },
  { name: 'fetch/request', folders: ['fetch/api/request'] },
  { name: 'fetch/response', folders: ['fetch/api/response'] },
  { name: 'fetch/body', folders: ['fetch/api/body'] },
  { name: 'fetch/abort', folders: ['fetch/api/abort'] },
  { name: 'xhr/formdata', folders: ['xhr/formdata'] },
];
