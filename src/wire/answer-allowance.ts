/**
 * AnswerAllowance: how much of what no credit covers may wait for the far side of one connection: heads and refusals. A
 * guest that asks and asks and never reads would fill the host's memory with them.
 */

import type { Connection } from './connection.ts';
import { ProtocolError } from './meta.ts';

const MAX_WAITING_BYTES = 8 * 1024 * 1024;

export class AnswerAllowance {
  readonly #connection: Connection;
  #bytes = 0;
  /** When the far side has taken what was sent up to here, it has taken what was counted up to here. */
  #mark = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** So many bytes are about to be sent. */
  count(bytes: number): void {
    const { sentBytes, backlogBytes } = this.#connection;
    if (sentBytes - backlogBytes >= this.#mark) {
      this.#bytes = 0;
      this.#mark = sentBytes;
    }
    this.#bytes += bytes;
  }

  /** Throws a ProtocolError. */
  require(): void {
    if (this.#bytes > MAX_WAITING_BYTES) throw new ProtocolError('asks without a look at the answers');
  }
}
