/**
 * What the calls of an isolate ask of the host, on its way between mailbox and wire. The executor passes it on: the host
 * keeps count of what is open, and of the bytes that either side may send.
 */

import type { FrameSender } from '../../wire/connection.ts';
import { CHUNK_BYTES, FrameType } from '../../wire/frames.ts';
import { askBody, askNumber, metaText } from '../../wire/meta.ts';
import { In, INLINE_UNITS, Out } from '../isolate/mailbox.ts';
import type { RecordReader } from './records.ts';

/** Sends a record on as a frame; one that no honest isolate writes is dropped, since the host would take it for ours. */
export function sendAsk(sender: FrameSender, call: number, { kind, meta, body }: RecordReader): void {
  switch (kind) {
    case Out.ASK:
      if (body === null || body.length <= (typeof body === 'string' ? INLINE_UNITS : CHUNK_BYTES))
        sender.sendMeta(FrameType.ASK, call, meta, body);
      return;
    case Out.ASK_DATA:
      if (body instanceof Uint8Array && body.length <= CHUNK_BYTES)
        sender.sendPart(FrameType.ASK_DATA, call, numberOf(meta), body);
      return;
    case Out.ASK_END:
      return sender.sendNumber(FrameType.ASK_END, call, numberOf(meta));
    case Out.ASK_CANCEL:
      return sender.sendNumber(FrameType.ASK_CANCEL, call, numberOf(meta));
    case Out.ASK_CREDIT: {
      const comma = meta.indexOf(',');
      return sender.sendNumbers(
        FrameType.ASK_CREDIT,
        call,
        numberOf(meta.slice(0, comma)),
        numberOf(meta.slice(comma + 1)),
      );
    }
  }
}

/** An ANSWER_… frame as a message; `addBytes` puts bytes beside the list of messages and returns where. */
export function answerMessage(
  type: number,
  call: number,
  payload: Buffer,
  addBytes: (bytes: Buffer) => number,
): string {
  switch (type) {
    case FrameType.ANSWER_HEAD:
      return `[${In.ANSWER_HEAD},${call},${metaText(payload)}]`;
    case FrameType.ANSWER_DATA:
      return `[${In.ANSWER_DATA},${call},${askNumber(payload)},${addBytes(askBody(payload))}]`;
    case FrameType.ANSWER_END:
      return `[${In.ANSWER_END},${call},${askNumber(payload)}]`;
    case FrameType.ANSWER_FAIL:
      return `[${In.ANSWER_FAIL},${call},${metaText(payload)}]`;
    default:
      return `[${In.ANSWER_CREDIT},${call},${askNumber(payload)},${askBody(payload).readUInt32LE(0)}]`;
  }
}

const numberOf = (text: string): number => Number(text) >>> 0;
