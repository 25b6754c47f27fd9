/** `ctx.email`: what may be sent, from whom, how often; and that it arrives, at a real SMTP server. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { createEmailService } from '../../../../src/capabilities/email/email-service.ts';
import { createMailer } from '../../../../src/capabilities/email/mailer.ts';
import type { Mailer } from '../../../../src/capabilities/email/mailer.ts';
import { addressOf, messageOf } from '../../../../src/capabilities/email/message.ts';
import { MailSink } from '../../../../src/capabilities/email/sink.ts';
import { Fault } from '../../../../src/core/faults.ts';
import type { RateRule } from '../../../../src/core/rate-limit.ts';
import { RpcError } from '../../../../src/core/rpc.ts';
import { createRateLimits } from '../../../../src/gateway/rate-limits.ts';
import { makeCall, makeVersion } from '../../../support/calls.ts';
import { makeCertificate, startMailServer } from '../../../support/mail-server.ts';
import type { MailServer, MailServerOptions } from '../../../support/mail-server.ts';

const MAIL = { to: 'ann@example.com', subject: 'Hello', text: 'How are you?' };
const { signal } = new AbortController();

const codeIs =
  (code: string) =>
  (error: unknown): boolean =>
    (error instanceof Fault || error instanceof RpcError) && error.code === code;

type Send = (mail: unknown, tenant?: string) => Promise<unknown>;

async function sender(
  mailer: Mailer | null,
  senders: readonly string[],
  rate: RateRule = { limit: 1_000, windowSeconds: 3_600 },
  sink: MailSink = new MailSink(() => undefined),
): Promise<Send> {
  const service = createEmailService({ mailer, sink, senders, limits: await createRateLimits(null), rate });
  return (mail, tenant = 'acme') =>
    service.methods['send']!.run({ version: makeVersion('f', { tenant }), call: makeCall() }, mail, signal);
}

describe('a message', () => {
  test('has one address or several, with names', () => {
    const { to, cc, replyTo, html } = messageOf({
      ...MAIL,
      to: ['ann@example.com', 'Bob B. <bob@mail.example.com>'],
      cc: '"Cee, Dee" <c+tag@example.co.uk>',
      replyTo: 'r@example.com',
    });
    assert.deepEqual(to, [
      { name: '', address: 'ann@example.com' },
      { name: 'Bob B.', address: 'bob@mail.example.com' },
    ]);
    assert.deepEqual(cc, [{ name: 'Cee, Dee', address: 'c+tag@example.co.uk' }]);
    assert.deepEqual([replyTo?.address, html], ['r@example.com', null]);
  });

  test('takes nothing for an address that is more, or less, than one', () => {
    const hostile = [
      '',
      'ann',
      'ann@',
      '@example.com',
      'ann@localhost',
      'a@example.com,b@example.com',
      'a@b@example.com',
    ];
    hostile.push('a@example.com\r\nBcc: eve@example.com', 'a@example.com\n', '<a@example.com', 'a @example.com');
    hostile.push('a@example.com>', 'Eve <a@example.com> <b@example.com>', 'x"y <a@example.com>', 'a..b@example.com');
    hostile.push(
      '.a@example.com',
      'a@-example.com',
      'a@example..com',
      `${'a'.repeat(65)}@example.com`,
      'a@[127.0.0.1]',
    );
    hostile.push('"a b"@example.com', 'a(comment)@example.com', 'a@example.com;b@example.com', 'Group: a@example.com;');
    hostile.push(`a@${'b'.repeat(250)}.com`, 'a\0@example.com', 'ä@example.com', 'x\u2028 <a@example.com>');
    for (const address of hostile) assert.throws(() => addressOf('to', address), codeIs('BAD_REQUEST'), address);
    for (const value of [null, 1, {}, { address: 'a@example.com' }, { path: '/etc/passwd' }, [], [['a@example.com']]])
      assert.throws(() => messageOf({ ...MAIL, to: value }), codeIs('BAD_REQUEST'), JSON.stringify(value));
  });

  test('has no header but its own, and no content but text', () => {
    for (const subject of [
      'a\r\nBcc: eve@example.com',
      'a\nX: y',
      'a\r',
      'a\0',
      'a\u2028b',
      'x'.repeat(999),
      null,
      { path: '/' },
    ])
      assert.throws(() => messageOf({ ...MAIL, subject }), codeIs('BAD_REQUEST'), JSON.stringify(subject));
    for (const field of [
      'headers',
      'attachments',
      'raw',
      'envelope',
      'sender',
      'inReplyTo',
      'list',
      'alternatives',
      '__proto__',
    ])
      assert.throws(
        () => messageOf(JSON.parse(JSON.stringify({ ...MAIL }).replace('{', `{"${field}":{},`))),
        /no field/,
        field,
      );
    for (const text of [{ path: '/etc/passwd' }, { href: 'http://169.254.169.254/' }, null, 1, undefined])
      for (const field of text === null || text === undefined ? ['text'] : ['text', 'html'])
        assert.throws(() => messageOf({ ...MAIL, [field]: text }), codeIs('BAD_REQUEST'), field);
  });

  test('is bounded', () => {
    const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `a${i}@example.com`);
    assert.equal(messageOf({ ...MAIL, to: many(50) }).to.length, 50);
    for (const mail of [{ to: many(51) }, { to: many(30), cc: many(10), bcc: many(11) }, { to: [] }])
      assert.throws(() => messageOf({ ...MAIL, ...mail }), codeIs('BAD_REQUEST'));
    const half = 'x'.repeat(600_000);
    assert.throws(() => messageOf({ ...MAIL, text: half, html: half }), codeIs('BAD_REQUEST'));
    assert.throws(() => messageOf(null), codeIs('BAD_REQUEST'));
  });
});

describe('the sender', () => {
  const SENDERS = ['robot@example.com', '*@news.example.com'];
  test('is the first of the allowed, or another of them', async () => {
    const sink = new MailSink(() => undefined);
    const send = await sender(null, SENDERS, undefined, sink);
    for (const from of [undefined, 'Robot <robot@example.com>', 'ROBOT@example.com', 'any@news.example.com'])
      await send({ ...MAIL, ...(from === undefined ? {} : { from }) });
    assert.deepEqual(
      sink.list('acme').map(({ from }) => from.address),
      ['any@news.example.com', 'ROBOT@example.com', 'robot@example.com', 'robot@example.com'],
    );
    for (const from of ['ceo@example.com', 'robot@example.com.evil.example', 'any@sub.news.example.com'])
      await assert.rejects(
        send({ ...MAIL, from }),
        (error) => codeIs('FORBIDDEN')(error) || codeIs('BAD_REQUEST')(error),
        from,
      );
    await assert.rejects(send({ ...MAIL, from: 'x@evilnews.example.com' }), codeIs('FORBIDDEN'));
  });

  test('may write to so many recipients in a while, each tenant for itself', async () => {
    const send = await sender(null, SENDERS, { limit: 3, windowSeconds: 3_600 });
    await send({ ...MAIL, to: ['a@example.com', 'b@example.com'] });
    await assert.rejects(send({ ...MAIL, to: ['a@example.com', 'b@example.com'] }), codeIs('THROTTLED'));
    await assert.rejects(send(MAIL), codeIs('THROTTLED'));
    await send(MAIL, 'rival');
  });

  test('keeps the last mails of each tenant where none are sent, and says so', async () => {
    const lines: string[] = [];
    const sink = new MailSink((line) => lines.push(line));
    const send = await sender(null, [], undefined, sink);
    for (let i = 0; i < 103; i++) await send({ ...MAIL, subject: `${i}\u001b[31m`.replace('\u001b', '') });
    await send({ ...MAIL, subject: 'theirs' }, 'rival');
    assert.deepEqual(
      [sink.list('acme').length, sink.list('acme')[0]?.subject, sink.list('rival').length],
      [100, '102[31m', 1],
    );
    assert.match(lines[0] ?? '', /^mail of acme\/f to ann@example.com: "0\[31m" \(kept, not sent/);
    sink.forget('acme');
    assert.deepEqual(sink.list('acme'), []);
  });
});

describe('a mail server', () => {
  const certificate = makeCertificate();
  const serve = async (t: TestContext, options: MailServerOptions = {}): Promise<MailServer> => {
    const server = await startMailServer({ certificate, ...options });
    t.after(() => server.close());
    return server;
  };
  const mailerOf = (
    t: TestContext,
    url: string,
    reported: unknown[] = [],
    ca: string | null = certificate.cert,
  ): Mailer => {
    const mailer = createMailer({ url, report: (error) => void reported.push(error), ...(ca === null ? {} : { ca }) });
    t.after(() => mailer.close());
    return mailer;
  };

  test('gets the mail as it was written', async (t) => {
    const server = await serve(t);
    const send = await sender(mailerOf(t, `smtp://127.0.0.1:${server.port}`), ['robot@example.com']);
    const sent = (await send({
      to: ['Änn <ann@example.com>', 'bob@example.com'],
      bcc: 'eve@example.com',
      subject: 'Grüße, =?utf-8?q?x?=',
      text: 'Zeile 1\n.\nZeile 3: é\n',
      html: '<p>é',
      replyTo: 'r@example.com',
    })) as { id: string };
    const [mail] = server.received;
    assert.deepEqual(
      [mail?.from, mail?.to],
      ['robot@example.com', ['ann@example.com', 'bob@example.com', 'eve@example.com']],
    );
    const [head = '', ...body] = (mail?.raw ?? '').split('\r\n\r\n');
    assert.ok(head.includes(`Message-ID: ${sent.id}`));
    assert.match(head, /^From: robot@example.com$/m);
    assert.match(head, /^Reply-To: r@example.com$/m);
    assert.doesNotMatch(head, /eve@example.com/);
    assert.match(body.join(''), /Zeile 1\r\n\.\r\nZeile 3: =C3=A9/);
  });

  test('is spoken to over TLS, from the start or by STARTTLS, with a login', async (t) => {
    const login = { user: 'me@x', password: 'p:a/s s' };
    for (const [security, scheme] of [
      ['tls', 'smtps'],
      ['starttls', 'smtp'],
    ] as const) {
      const server = await serve(t, { security, login });
      const url = `${scheme}://${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@localhost:${server.port}`;
      const send = await sender(mailerOf(t, url), ['robot@example.com']);
      await send(MAIL);
      assert.deepEqual([server.received[0]?.isSecure, server.received[0]?.user], [true, 'me@x'], security);
    }
  });

  test('whose certificate nobody vouches for gets nothing', async (t) => {
    const reported: unknown[] = [];
    const server = await serve(t, { security: 'tls' });
    const send = await sender(mailerOf(t, `smtps://127.0.0.1:${server.port}`, reported, null), ['robot@example.com']);
    await assert.rejects(send(MAIL), codeIs('UNAVAILABLE'));
    assert.deepEqual([server.received.length, reported.length], [0, 1]);
  });

  test('that refuses, or is away, is told to the function by a code and to the host in words', async (t) => {
    const reported: unknown[] = [];
    const server = await serve(t, { refuses: ['ann@example.com'], login: { user: 'me', password: 'secret' } });
    const good = await sender(mailerOf(t, `smtp://me:secret@127.0.0.1:${server.port}`, reported), [
      'robot@example.com',
    ]);
    await assert.rejects(
      good(MAIL),
      (error) => codeIs('BAD_REQUEST')(error) && /\(550\)/.test(String(error)) && !/10\.0/.test(String(error)),
    );
    const wrong = await sender(mailerOf(t, `smtp://me:wrong@127.0.0.1:${server.port}`, reported), [
      'robot@example.com',
    ]);
    await assert.rejects(wrong(MAIL), (error) => !/wrong|secret/.test(String(error)));
    const away = await sender(mailerOf(t, 'smtp://127.0.0.1:1', reported), ['robot@example.com']);
    await assert.rejects(away(MAIL), codeIs('UNAVAILABLE'));
    assert.equal(reported.length, 3);
    assert.equal(server.received.length, 0);
  });

  test('is not asked any more when the invocation is over', async (t) => {
    const server = await serve(t);
    const mailer = mailerOf(t, `smtp://127.0.0.1:${server.port}`);
    const abort = new AbortController();
    abort.abort();
    const mail = { ...messageOf(MAIL), from: { name: '', address: 'robot@example.com' } };
    await assert.rejects(mailer.send(mail, abort.signal), codeIs('CANCELLED'));
    assert.equal(server.received.length, 0);
  });
});
