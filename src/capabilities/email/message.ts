/** Message: what a function gives `ctx.email.send`, read as hostile input: no line of it can become a header of its own. */

import type { Mail, MailAddress } from '../../core/mail.ts';
import { MB } from '../../core/limits.ts';
import { bad, paramsOf, textOf } from '../params.ts';

const MAX_RECIPIENTS = 50;
const MAX_MESSAGE_BYTES: number = MB;
const MAX_SUBJECT_BYTES = 998;
const MAX_NAME_BYTES = 200;
const MAX_ADDRESS_BYTES = 254;

/** Of the characters that SMTP takes without quotes. */
const ADDRESS =
  /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
const NAMED = /^(?:"([^"\\<>]*)"|([^"\\<>@,;:]*)) *<([^<>]*)>$/;
// oxlint-disable-next-line no-control-regex -- they are what is refused
const CONTROL = /[\0-\x1f\x7f\u2028\u2029]/;

/** `from` is null where the message names none. */
export type Message = Omit<Mail, 'from'> & { readonly from: MailAddress | null };

const FIELDS: readonly string[] = ['to', 'cc', 'bcc', 'from', 'replyTo', 'subject', 'text', 'html'];

/** Throws BAD_REQUEST. */
export function messageOf(given: unknown): Message {
  const { to, cc, bcc, from, replyTo, subject, text, html } = paramsOf(given, FIELDS, 'mail');
  const message = {
    from: optional(from, (value) => addressOf('from', value)),
    to: addressesOf('to', to),
    cc: optional(cc, (value) => addressesOf('cc', value)) ?? [],
    bcc: optional(bcc, (value) => addressesOf('bcc', value)) ?? [],
    replyTo: optional(replyTo, (value) => addressOf('replyTo', value)),
    subject: lineOf('subject', subject, MAX_SUBJECT_BYTES),
    text: textOf('text', text, MAX_MESSAGE_BYTES),
    html: optional(html, (value) => textOf('html', value, MAX_MESSAGE_BYTES)),
  };
  if (message.to.length === 0) throw bad('to', 'an address', to);
  const recipients = message.to.length + message.cc.length + message.bcc.length;
  if (recipients > MAX_RECIPIENTS) throw bad('to, cc and bcc', `at most ${MAX_RECIPIENTS} addresses`, recipients);
  const bytes = Buffer.byteLength(message.text) + Buffer.byteLength(message.html ?? '');
  if (bytes > MAX_MESSAGE_BYTES) throw bad('text and html', `at most ${MAX_MESSAGE_BYTES} bytes`, bytes);
  return message;
}

/** `a@example.com`, or `Ann <a@example.com>`. Throws BAD_REQUEST. */
export function addressOf(what: string, given: unknown): MailAddress {
  const text = lineOf(what, given, MAX_ADDRESS_BYTES + MAX_NAME_BYTES).trim();
  const named = NAMED.exec(text);
  const name = (named?.[1] ?? named?.[2] ?? '').trim();
  const address = named?.[3] ?? text;
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES && address.length <= MAX_ADDRESS_BYTES && isAddress(address))
    return { name, address };
  throw bad(what, 'one address, as in ann@example.com or Ann <ann@example.com>', given);
}

const isAddress = (text: string): boolean => ADDRESS.test(text) && text.indexOf('@') <= 64;

function addressesOf(what: string, given: unknown): readonly MailAddress[] {
  const list: readonly unknown[] = Array.isArray(given) ? (given as unknown[]) : [given];
  if (list.length > MAX_RECIPIENTS) throw bad(what, `at most ${MAX_RECIPIENTS} addresses`, list.length);
  return list.map((each) => addressOf(what, each));
}

function lineOf(what: string, given: unknown, maxBytes: number): string {
  const line = textOf(what, given, maxBytes);
  if (CONTROL.test(line)) throw bad(what, 'one line without control characters', given);
  return line;
}

function optional<T>(given: unknown, read: (value: unknown) => T): T | null {
  return given === undefined || given === null ? null : read(given);
}
