/** Mail: what a function sends by `ctx.email`, checked. */

export interface MailAddress {
  /** Empty: none. */
  readonly name: string;
  readonly address: string;
}

export interface Mail {
  readonly from: MailAddress;
  readonly to: readonly MailAddress[];
  readonly cc: readonly MailAddress[];
  readonly bcc: readonly MailAddress[];
  readonly replyTo: MailAddress | null;
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
}

/** One that was not sent, because no mail server is configured. */
export interface KeptMail extends Mail {
  readonly id: string;
  readonly tenant: string;
  readonly functionName: string;
  readonly sentMs: number;
}
