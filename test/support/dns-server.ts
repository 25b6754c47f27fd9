/** A real DNS server over UDP whose answers the test writes, and which may change from one query to the next. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** One answer. A and AAAA queries for a name each walk their own list of steps; the last is repeated. */
export interface DnsStep {
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  /** The name whose addresses these are. */
  readonly cname?: string;
  readonly ttl?: number;
  /** 3: no such name. */
  readonly rcode?: number;
  readonly delayMs?: number;
  /** No answer at all. */
  readonly silent?: boolean;
}

export interface DnsServer {
  readonly port: number;
  /** Every question so far, as `A name`. */
  readonly questions: readonly string[];
  /** Names without a dot at the end, in lower case. An unknown name does not exist. */
  set(name: string, steps: readonly DnsStep[]): void;
  clear(): void;
  close(): Promise<void>;
}

const TYPES: Readonly<Record<number, 'A' | 'AAAA'>> = { 1: 'A', 28: 'AAAA' };
const CNAME = 5;

export async function startDnsServer(host = '127.0.0.1', port = 0): Promise<DnsServer> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const zone = new Map<string, readonly DnsStep[]>();
  const asked = new Map<string, number>();
  const questions: string[] = [];
  const timers = new Set<NodeJS.Timeout>();

  socket.on('message', (query, sender) => {
    const { name, type } = questionOf(query);
    const key = `${TYPES[type] ?? type} ${name}`;
    questions.push(key);
    const steps = zone.get(name) ?? [{ rcode: 3 }];
    const turn = asked.get(key) ?? 0;
    asked.set(key, turn + 1);
    const step = steps[Math.min(turn, steps.length - 1)] ?? {};
    if (step.silent === true) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      socket.send(answerOf(query, type, name, step), sender.port, sender.address);
    }, step.delayMs ?? 0);
    timers.add(timer);
  });
  socket.bind(port, host);
  await once(socket, 'listening');

  return {
    port: socket.address().port,
    questions,
    set: (name, steps) => void zone.set(name, steps),
    clear: () => {
      zone.clear();
      asked.clear();
      questions.length = 0;
    },
    close: async () => {
      for (const timer of timers) clearTimeout(timer);
      socket.close();
      await once(socket, 'close');
    },
  };
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function answerOf(query: Buffer, type: number, name: string, step: DnsStep): Buffer {
  const { end } = questionOf(query);
  const records: Buffer[] = [];
  const owner = step.cname ?? name;
  if (step.cname !== undefined) records.push(record(name, CNAME, step, nameBytes(step.cname)));
  if (TYPES[type] === 'A') for (const address of step.a ?? []) records.push(record(owner, 1, step, bytes4(address)));
  if (TYPES[type] === 'AAAA')
    for (const address of step.aaaa ?? []) records.push(record(owner, 28, step, bytes6(address)));
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  // A response, recursion available, the code.
  head.writeUInt16BE(0x8180 | (step.rcode ?? 0), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  return Buffer.concat([head, query.subarray(12, end), ...records]);
}

function record(owner: string, type: number, { ttl = 0 }: DnsStep, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(ttl, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([nameBytes(owner), fixed, data]);
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ]);
}

const bytes4 = (address: string): Buffer => Buffer.from(address.split('.').map(Number));

function bytes6(address: string): Buffer {
  // The URL parser writes an embedded IPv4 address as two groups, as the record has it.
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [left = '', right = ''] = text.split('::');
  const groups = (part: string): string[] => part.split(':').filter((group) => group !== '');
  const missing = 8 - groups(left).length - groups(right).length;
  const all = [...groups(left), ...Array<string>(missing).fill('0'), ...groups(right)];
  const bytes = Buffer.alloc(16);
  for (const [index, group] of all.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  return bytes;
}
