/** Dial: opens a stream of frames on an executor of another host, and believes nobody who does not hold the key. */

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Fault } from '../../core/faults.ts';
import type { TierName } from '../../core/tier.ts';
import { RUN_PATH, signRun, UPGRADE, verifyAnswer, type AnswerHead } from '../../wire/remote/handshake.ts';
import type { RemoteKeys } from '../../wire/remote/keys.ts';
import { requestTo } from './address.ts';

export interface Dialling {
  /** Without a `/` at its end. */
  readonly base: string;
  readonly keys: RemoteKeys;
  /** The life of the executor that is meant. */
  readonly instance: string;
  /** The wall that it must be; null: the one that it is for. */
  readonly tier: TierName | null;
}

export interface Dialled {
  readonly socket: Socket;
  readonly answer: AnswerHead;
}

/** Another life of the executor answered than the request was signed for. */
export class Misdirected extends Error {
  override readonly name = 'Misdirected';
}

const DEADLINE_MS = 5_000;
const KEEP_ALIVE_MS = 15_000;
const MAX_PROBLEM_CHARS = 500;

/** Rejects with TIER_UNAVAILABLE, {@link Misdirected}, or an Error that says what went wrong. */
export function dial({ base, keys, instance, tier }: Dialling): Promise<Dialled> {
  const { headers, nonce } = signRun(keys, { tier }, instance, Date.now());
  const request = requestTo(base, RUN_PATH, {
    method: 'POST',
    headers: { ...headers, connection: 'Upgrade', upgrade: UPGRADE, 'content-length': '0' },
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => request.destroy(new Error('no answer to POST /run in time')), DEADLINE_MS);
    request.on('close', () => {
      clearTimeout(timer);
      reject(new Error('it closed the connection'));
    });
    request.on('error', reject);
    request.on('upgrade', (response, socket: Socket, first) => {
      clearTimeout(timer);
      const answer = response.headers['upgrade'] === UPGRADE ? verifyAnswer(keys, response.headers, nonce) : null;
      if (answer === null) {
        socket.destroy();
        return reject(new Error('whoever answered POST /run does not hold SANDBOX_RPC_TOKEN'));
      }
      if (first.length > 0) socket.unshift(first);
      socket.setTimeout(0);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      resolve({ socket, answer });
    });
    request.on('response', (response) => void refused(request, response).then(reject, reject));
    request.end();
  });
}

/** A refusal is not signed: it decides which sentence an operator reads, and whether another executor is tried. */
async function refused(request: ClientRequest, response: IncomingMessage): Promise<Error> {
  const status = response.statusCode ?? 0;
  let text = '';
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk;
    if (text.length > MAX_PROBLEM_CHARS) break;
  }
  request.destroy();
  const said = JSON.stringify(text.slice(0, MAX_PROBLEM_CHARS));
  if (status === 421) return new Misdirected(said);
  if (status === 422) return new Fault('TIER_UNAVAILABLE', 'The executor does not have the tier that is asked for');
  return new Error(`POST /run answered ${status}: ${said}`);
}
