/** Health of an executor on another host, as it says itself: public, unsigned, and no more than a hint where to go. */

import type { IncomingMessage } from 'node:http';
import { requestTo } from './address.ts';

export interface RemoteHealth {
  /** Names this life of it; requests are signed for it. */
  readonly instance: string;
}

const DEADLINE_MS = 3_000;
const MAX_BYTES = 16 * 1024;

/** Rejects where it is not healthy, or does not say so in time. */
export function readHealth(base: string): Promise<RemoteHealth> {
  return new Promise((resolve, reject) => {
    const request = requestTo(base, '/health', { method: 'GET' });
    const timer = setTimeout(() => request.destroy(new Error('no answer to GET /health in time')), DEADLINE_MS);
    request.on('close', () => {
      clearTimeout(timer);
      reject(new Error('it closed the connection'));
    });
    request.on('error', reject);
    request.on('response', (response) => {
      readText(response)
        .then((text) => resolve(healthOf(response.statusCode ?? 0, text)), reject)
        .catch(reject);
    });
    request.end();
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error(`GET /health answered more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function healthOf(status: number, text: string): RemoteHealth {
  if (status !== 200) throw new Error(`GET /health answered ${status}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = null;
  }
  const { instance } = (parsed ?? {}) as { instance?: unknown };
  if (typeof instance === 'string' && /^[A-Za-z0-9_-]{22}$/.test(instance)) return { instance };
  throw new Error('GET /health does not look like that of a Cordon executor');
}
