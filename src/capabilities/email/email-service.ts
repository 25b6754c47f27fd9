/** Email service: `ctx.email.send`: from allowed senders, so many an hour for each tenant. */

import type { CapabilityCaller } from '../../core/capability.ts';
import { Fault } from '../../core/faults.ts';
import type { Mail, MailAddress } from '../../core/mail.ts';
import type { RateLimits, RateRule } from '../../core/rate-limit.ts';
import type { RpcService } from '../../core/rpc.ts';
import type { Mailer } from './mailer.ts';
import { messageOf } from './message.ts';
import type { Message } from './message.ts';
import type { MailSink } from './sink.ts';

export interface EmailOptions {
  /** Null: what is sent goes to the sink. */
  readonly mailer: Mailer | null;
  readonly sink: MailSink;
  /** Whom mail may come from: addresses, and `*@example.com` for all of a domain. The first that is an address is the default. */
  readonly senders: readonly string[];
  readonly limits: RateLimits;
  /** Recipients of each tenant. */
  readonly rate: RateRule;
}

const NOBODY: MailAddress = { name: '', address: 'functions@cordon.invalid' };

export function createEmailService(options: EmailOptions): RpcService {
  return {
    methods: {
      send: {
        grant: 'email',
        async run({ version }, given, signal) {
          const message = messageOf(given);
          const mail: Mail = { ...message, from: senderOf(message, options) };
          await take(options, version, mail);
          if (options.mailer === null) return { id: options.sink.keep(version.tenant, version.name, mail).id };
          return options.mailer.send(mail, signal);
        },
      },
    },
  };
}

/** Throws FORBIDDEN. */
function senderOf({ from }: Message, { senders, mailer }: EmailOptions): MailAddress {
  if (from === null) {
    const address = senders.find((sender) => !sender.startsWith('*@'));
    if (address !== undefined) return { name: '', address };
    if (mailer === null) return NOBODY;
    throw new Fault('BAD_REQUEST', `from: expected a sender, one of ${senders.join(', ')}`);
  }
  if (mailer === null && senders.length === 0) return from;
  const address = from.address.toLowerCase();
  const domain = address.slice(address.lastIndexOf('@'));
  if (senders.some((sender) => sender.toLowerCase() === address || sender.toLowerCase() === `*${domain}`)) return from;
  throw new Fault('FORBIDDEN', `Mail may not come from ${from.address}: the senders are ${senders.join(', ')}`);
}

/** Each recipient counts. Throws THROTTLED. */
async function take(
  { limits, rate }: EmailOptions,
  { tenant }: CapabilityCaller['version'],
  { to, cc, bcc }: Mail,
): Promise<void> {
  for (let i = 0; i < to.length + cc.length + bcc.length; i++) {
    const { allowed, resetSeconds } = await limits.take('email', tenant, rate);
    if (!allowed)
      throw new Fault(
        'THROTTLED',
        `The tenant may write to ${rate.limit} recipients in ${rate.windowSeconds} s; try again in ${resetSeconds} s`,
      );
  }
}
