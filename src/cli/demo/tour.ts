// The first half of `atoll demo --check`, a guided tour: what conflicts look like, and that every region ends up
// showing the same. Each stop writes while the regions cannot hear each other, shows what each of
// them sees, lets them talk again, and compares.

import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { LocalGroup } from '../../group/local-group.ts';
import { QuietWatch } from '../../group/quiet.ts';

export interface TourStep {
  readonly title: string;
  readonly ok: boolean;
  /** What each region showed at the end. */
  readonly shown: Readonly<Record<string, string>>;
  readonly expected: string;
}

export interface TourOptions {
  readonly print: (line?: string) => void;
  /** Aborted: the tour ends after the present stop. */
  readonly signal: AbortSignal;
}

interface Write {
  /** Counted around the regions, so that tours of two regions work as well. */
  readonly region: number;
  readonly command: readonly string[];
}

interface Stop {
  readonly title: string;
  /** Written first, and seen by all. */
  readonly before?: Write;
  /** Written while all links are cut, one after the other. */
  readonly apart: readonly Write[];
  readonly read: readonly string[];
  readonly expected: string;
}

const QUIET_TIMEOUT_MS = 10_000;
/** A write has the time at which its replicator captures it; on a loaded machine that may take a while. */
const CAPTURED_WITHIN_MS = '2000';
/** Between writes whose order matters: more than the resolution of the clock. */
const NEXT_WRITE_MS = 5;
const SESSION_MS = 1_000;
const EXPIRY_TIMEOUT_MS = 6_000;
/** The least difference that clients could tell. */
const EXPIRY_TOLERANCE_MS = 10;

const STOPS: readonly Stop[] = [
  {
    title: 'Counters add up: no increment is lost',
    before: { region: 0, command: ['SET', 'visits', '100'] },
    apart: [
      { region: 0, command: ['INCRBY', 'visits', '10'] },
      { region: 1, command: ['INCRBY', 'visits', '20'] },
      { region: 2, command: ['DECRBY', 'visits', '3'] },
    ],
    read: ['GET', 'visits'],
    expected: '127',
  },
  {
    title: 'Sets: a remove takes away only what it has seen',
    before: { region: 0, command: ['SADD', 'cart', 'apple', 'pear'] },
    apart: [
      { region: 0, command: ['SADD', 'cart', 'plum'] },
      { region: 1, command: ['DEL', 'cart'] },
      { region: 2, command: ['SREM', 'cart', 'pear'] },
    ],
    read: ['SMEMBERS', 'cart'],
    expected: '{plum}',
  },
  {
    title: 'Strings: the last writer wins',
    apart: [
      { region: 0, command: ['SET', 'headline', 'first'] },
      { region: 2, command: ['SET', 'headline', 'second'] },
      { region: 1, command: ['SET', 'headline', 'third'] },
    ],
    read: ['GET', 'headline'],
    expected: 'third',
  },
];

/** Takes the tour; the group is left connected. */
export async function runTour(
  group: LocalGroup,
  options: TourOptions & { readonly connect: (region: string) => Promise<Redis> },
): Promise<TourStep[]> {
  const tour = await Tour.begin(group, options.print, options.connect);
  try {
    const steps: TourStep[] = [];
    const stops = [
      () => tour.travel(),
      ...STOPS.map((stop) => () => tour.conflict(stop)),
      () => tour.partition(),
      () => tour.expiry(),
    ];
    for (const stop of stops) {
      if (options.signal.aborted) break;
      steps.push(await stop());
    }
    return steps;
  } finally {
    tour.end();
  }
}

class Tour {
  readonly #group: LocalGroup;
  readonly #print: (line?: string) => void;
  readonly #regions: readonly string[];
  readonly #clients: readonly Redis[];
  readonly #watch: QuietWatch;
  #stop = 0;

  private constructor(group: LocalGroup, clients: Redis[], print: (line?: string) => void) {
    this.#group = group;
    this.#print = print;
    this.#regions = group.members.map((member) => member.region);
    this.#clients = clients;
    this.#watch = new QuietWatch(group.quietMembers);
  }

  static async begin(
    group: LocalGroup,
    print: (line?: string) => void,
    connect: (region: string) => Promise<Redis>,
  ): Promise<Tour> {
    const clients = group.members.map(({ region }) => connect(region));
    return new Tour(group, await Promise.all(clients), print);
  }

  end(): void {
    this.#watch.close();
    for (const client of this.#clients) client.disconnect();
  }

  async travel(): Promise<TourStep> {
    const title = 'A write in one region is seen in all';
    this.#heading(title);
    await this.#write({ region: 0, command: ['SET', 'greeting', 'hello'] });
    return await this.#compare(title, ['GET', 'greeting'], 'hello');
  }

  async conflict(stop: Stop): Promise<TourStep> {
    this.#heading(stop.title);
    if (stop.before !== undefined) {
      await this.#write(stop.before);
      await this.#quiet();
    }
    await this.#cutAll();
    this.#print('   all links are cut');
    for (const write of stop.apart) {
      const client = await this.#write(write);
      await client.call('WAIT', '1', CAPTURED_WITHIN_MS);
      await delay(NEXT_WRITE_MS);
    }
    this.#show('apart', await this.#read(stop.read));
    await this.#group.heal();
    return await this.#compare(stop.title, stop.read, stop.expected);
  }

  async partition(): Promise<TourStep> {
    const title = 'A region that is cut off goes on working, and catches up';
    this.#heading(title);
    const last = this.#regions.at(-1)!;
    await this.#write({ region: 0, command: ['HSET', 'user:1', 'name', 'Ada'] });
    await this.#quiet();
    for (const region of this.#regions.slice(0, -1)) await this.#group.cut(region, last);
    this.#print(`   ${last} is cut off`);
    await this.#write({ region: 0, command: ['HSET', 'user:1', 'city', 'Oslo'] });
    await this.#write({ region: -1, command: ['HSET', 'user:1', 'score', '7'] });
    const read = ['HGETALL', 'user:1'];
    this.#show('apart', await this.#read(read));
    await this.#group.heal();
    return await this.#compare(title, read, '{city=Oslo, name=Ada, score=7}');
  }

  async expiry(): Promise<TourStep> {
    const title = 'A key expires everywhere at the same moment';
    this.#heading(title);
    await this.#write({
      region: 0,
      command: ['SET', 'session', 'open', 'PX', String(SESSION_MS)],
    });
    await this.#quiet();
    const timesMs = (await this.#read(['PEXPIRETIME', 'session'])).map(Number);
    const spreadMs = Math.max(...timesMs) - Math.min(...timesMs);
    this.#print(`   the regions' times to expire differ by ${spreadMs} ms`);
    const deadlineMs = performance.now() + EXPIRY_TIMEOUT_MS;
    while (!(await this.#read(['EXISTS', 'session'])).every((reply) => reply === '0')) {
      if (performance.now() > deadlineMs) break;
      await delay(20);
    }
    const step = await this.#compare(title, ['GET', 'session'], '(nil)');
    return { ...step, ok: step.ok && spreadMs <= EXPIRY_TOLERANCE_MS };
  }

  #heading(title: string): void {
    this.#stop += 1;
    this.#print(`\n${this.#stop}. ${title}`);
  }

  /** Returns the client that wrote. */
  async #write(write: Write): Promise<Redis> {
    const count = this.#regions.length;
    const index = (write.region + count) % count;
    const [name = '', ...args] = write.command;
    this.#print(`   ${(this.#regions[index] ?? '').padEnd(14)} ${write.command.join(' ')}`);
    const client = this.#clients[index]!;
    await client.call(name, ...args);
    return client;
  }

  async #read(command: readonly string[]): Promise<string[]> {
    const [name = '', ...args] = command;
    const replies = this.#clients.map((client) => client.call(name, ...args));
    return (await Promise.all(replies)).map((reply) => shown(name, reply));
  }

  /** Waits for quiet and compares; a group that does not become quiet is compared as it is. */
  async #compare(title: string, read: readonly string[], expected: string): Promise<TourStep> {
    let quiet = true;
    await this.#quiet().catch((error: Error) => {
      quiet = false;
      this.#print(`   ${error.message}`);
    });
    const replies = await this.#read(read);
    const ok = quiet && replies.every((reply) => reply === expected);
    this.#show('together', replies, ok ? 'ok' : `NOT AS EXPECTED: ${expected}`);
    const pairs = this.#regions.map((region, index) => [region, replies[index] ?? ''] as const);
    return { title, ok, shown: Object.fromEntries(pairs), expected };
  }

  #show(label: string, replies: readonly string[], verdict = ''): void {
    const parts = this.#regions.map((region, index) => `${region}: ${replies[index]}`);
    this.#print(`   ${label.padEnd(9)} ${parts.join('   ')}   ${verdict}`.trimEnd());
  }

  async #quiet(): Promise<void> {
    await this.#watch.wait(QUIET_TIMEOUT_MS);
  }

  async #cutAll(): Promise<void> {
    for (const [index, a] of this.#regions.entries()) {
      for (const b of this.#regions.slice(index + 1)) await this.#group.cut(a, b);
    }
  }
}

/** A reply as people write it; what has no order is sorted. */
function shown(command: string, reply: unknown): string {
  if (reply === null) return '(nil)';
  if (command === 'HGETALL') return `{${pairs(reply).sort().join(', ')}}`;
  if (Array.isArray(reply)) return `{${reply.map(String).sort().join(', ')}}`;
  return String(reply);
}

/** Of a map: a flat list in RESP2, an object in RESP3. */
function pairs(reply: unknown): string[] {
  if (Array.isArray(reply)) {
    return reply.flatMap((field, index) =>
      index % 2 === 0 ? [`${String(field)}=${String(reply[index + 1])}`] : [],
    );
  }
  if (typeof reply !== 'object' || reply === null) return [String(reply)];
  return Object.entries(reply).map(([field, value]) => `${field}=${String(value)}`);
}
