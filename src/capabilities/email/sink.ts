/** Mail sink: where mail goes while no server is configured: a line in the log, and the last of each tenant in memory. */

import { randomUUID } from 'node:crypto';
import type { KeptMail, Mail } from '../../core/mail.ts';

/** Of each tenant. */
const MAX_MAILS = 100;
const MAX_BYTES = 1024 * 1024;
/** The tenant that sent nothing for the longest time goes first. */
const MAX_TENANTS = 50;

export class MailSink {
  /** The last is the newest. */
  readonly #tenants = new Map<string, KeptMail[]>();
  readonly #line: (text: string) => void;

  /** `line` writes to the host's log. */
  constructor(line: (text: string) => void) {
    this.#line = line;
  }

  keep(tenant: string, functionName: string, mail: Mail): KeptMail {
    const kept: KeptMail = { ...mail, id: randomUUID(), tenant, functionName, sentMs: Date.now() };
    const mails = this.#tenants.get(tenant) ?? [];
    mails.push(kept);
    while (mails.length > MAX_MAILS || (mails.length > 1 && bytesOf(mails) > MAX_BYTES)) mails.shift();
    this.#tenants.delete(tenant);
    this.#tenants.set(tenant, mails);
    if (this.#tenants.size > MAX_TENANTS) this.#tenants.delete(this.#tenants.keys().next().value!);
    const to = mail.to.map(({ address }) => address).join(', ');
    this.#line(
      `mail of ${tenant}/${functionName} to ${to}: ${JSON.stringify(mail.subject)} (kept, not sent: CORDON_SMTP_URL is not set)`,
    );
    return kept;
  }

  /** Newest first. */
  list(tenant: string): readonly KeptMail[] {
    return (this.#tenants.get(tenant) ?? []).toReversed();
  }

  forget(tenant: string): void {
    this.#tenants.delete(tenant);
  }
}

const bytesOf = (mails: readonly KeptMail[]): number =>
  mails.reduce((sum, { text, html }) => sum + text.length + (html?.length ?? 0), 0);
