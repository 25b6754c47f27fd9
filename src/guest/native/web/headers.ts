/** Headers, where Node's own class takes the place of the web guest's. */

export const Headers: typeof globalThis.Headers = globalThis.Headers;
export type Headers = globalThis.Headers;

export const isHeaders = (value: unknown): value is Headers => value instanceof Headers;

/** Name, value, name, value …: a cookie each. */
export function listOf(headers: Headers): string[] {
  const list: string[] = [];
  for (const [name, value] of headers) list.push(name, value);
  return list;
}

/** What can't be a header is left out. */
export function headersOf(list: readonly string[]): Headers {
  const headers = new Headers();
  for (let i = 0; i < list.length; i += 2) {
    try {
      headers.append(list[i] as string, list[i + 1] as string);
    } catch {
      // `POST /execute` takes what its caller invents.
    }
  }
  return headers;
}
