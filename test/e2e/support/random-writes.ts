// What clients of a real group write at random: everything that has a merge rule, on few keys so that regions
// meet; and beside that, writes whose outcome is known because everything about them commutes.

import type { Random } from '../../sim/random.ts';
import type { RegionClient } from './region-client.ts';

export const MOVED_START = 1_000_000;
export const CHANNEL = 'news';

const BITS = 100_000;
const MEMBERS = ['a', 'b', 'c', 'd', 'e'];
const COUNT_AND_NOTE = `redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
return redis.call('SADD', KEYS[3], ARGV[2])`;

/** What was acknowledged. */
export class Acknowledged {
  readonly sums = new Map<string, number>();
  readonly members = new Set<string>();
  readonly notes = new Set<string>();
  /** Added to a HyperLogLog. */
  readonly seen = new Set<string>();
  /** Bits that were set. */
  readonly flags = new Set<number>();
  /** Pushed to a list from which nobody pops. */
  readonly piled = new Set<string>();
  /** Pushed to a list from which every region pops, and popped from it. */
  readonly queued = new Set<string>();
  readonly taken = new Set<string>();
  readonly messages = new Set<string>();
  writes = 0;
  /** Refused by the engine for what another client made of the key: no write. */
  refused = 0;

  add(counter: string, by: number): void {
    this.sums.set(counter, (this.sums.get(counter) ?? 0) + by);
  }
}

/** Before everything else: what the moves start from. */
export async function writeStart(client: RegionClient): Promise<void> {
  await client.send(['MSET', 'moved:from', String(MOVED_START), 'moved:to', '0']);
}

export class RandomWriter {
  readonly #client: RegionClient;
  readonly #random: Random;
  readonly #done: Acknowledged;
  #unique = 0;

  constructor(client: RegionClient, random: Random, done: Acknowledged) {
    this.#client = client;
    this.#random = random;
    this.#done = done;
  }

  async write(): Promise<void> {
    this.#done.writes++;
    const random = this.#random;
    if (random.chance(0.4)) return await this.#exact();
    const commands = Array.from({ length: random.chance(0.15) ? 3 : 1 }, () => this.#contested());
    try {
      if (commands.length > 1) await this.#client.transaction(commands);
      else await this.#client.send(commands[0] ?? []);
    } catch (error) {
      // Another type, no number, no such key: what others have made of it.
      if (
        !/WRONGTYPE|not an integer|not a float|not a valid|no such key|hash value|out of range|INVALIDOBJ/.test(
          String(error),
        )
      ) {
        throw error;
      }
      this.#done.refused++;
    }
  }

  async #exact(): Promise<void> {
    const [client, random, done] = [this.#client, this.#random, this.#done];
    const by = 1 + random.below(9);
    const name = `${client.name}:${this.#unique++}`;
    switch (random.below(14)) {
      case 0:
        await client.send(['INCRBY', 'count:int', String(by)]);
        return done.add('count:int', by);
      case 1:
        // Converges, but a replicator that was restarted ships the next one as its result.
        await client.send(['INCRBYFLOAT', 'disturbed:float', String(by / 4)]);
        return;
      case 2:
        await client.send(['HINCRBY', 'count:hash', 'f', String(by)]);
        return done.add('count:hash', by);
      case 3:
        await client.send(['ZINCRBY', 'count:zset', String(by), 'm']);
        return done.add('count:zset', by);
      case 4:
        await client.send(['SADD', 'members', name]);
        done.members.add(name);
        return;
      case 5:
        await client.transaction([
          ['DECRBY', 'moved:from', String(by)],
          ['INCRBY', 'moved:to', String(by)],
        ]);
        return done.add('moved', by);
      case 6:
        await client.send([
          'EVAL',
          COUNT_AND_NOTE,
          '3',
          'count:lua',
          'notes',
          'members',
          String(by),
          name,
        ]);
        done.add('count:lua', by);
        done.notes.add(name);
        done.members.add(name);
        return;
      case 7:
        await client.transaction([
          ['INCRBY', 'count:int', String(by)],
          ['SADD', 'members', name],
        ]);
        done.add('count:int', by);
        done.members.add(name);
        return;
      case 8:
        await client.send(['PFADD', 'seen', name]);
        done.seen.add(name);
        return;
      case 9: {
        const offset = random.below(BITS);
        await client.send(['SETBIT', 'flags', String(offset), '1']);
        done.flags.add(offset);
        return;
      }
      case 10:
        await client.send([random.pick(['LPUSH', 'RPUSH']), 'pile', name]);
        done.piled.add(name);
        return;
      case 11:
        await client.send([random.pick(['LPUSH', 'RPUSH']), 'queue', name]);
        done.queued.add(name);
        return;
      case 12: {
        const taken = await client.send([random.pick(['LPOP', 'RPOP']), 'queue']);
        if (taken !== null) done.taken.add(String(taken));
        return;
      }
      default:
        await client.send(['PUBLISH', CHANNEL, name]);
        done.messages.add(name);
    }
  }

  #contested(): string[] {
    const random = this.#random;
    const type = random.pick(['s', 'h', 'm', 'z', 'p', 'b', 'l']);
    const at = random.below(4);
    const key = random.chance(0.05) ? 'mixed' : `${type}${at}`;
    const other = `${type}${(at + 1 + random.below(3)) % 4}`;
    const later = String(Date.now() + 600_000 + random.below(600_000));
    const anyType: string[][] = [
      ['DEL', key],
      ['UNLINK', key],
      ['PEXPIREAT', key, later],
      ['PEXPIREAT', key, later],
      ['PERSIST', key],
      ['PEXPIRE', key, String(50 + random.below(400))],
      ['RENAME', key, other],
      ['COPY', key, other, 'REPLACE'],
    ];
    if (random.chance(0.25)) return random.pick(anyType);
    return random.pick(this.#writesOf(type, key, other));
  }

  #writesOf(type: string, key: string, other: string): string[][] {
    const random = this.#random;
    const value = String(random.below(50));
    const member = random.pick(MEMBERS);
    const second = random.pick(MEMBERS);
    switch (type) {
      case 's':
        return [
          ['SET', key, value],
          ['SET', key, value, 'NX'],
          ['SET', key, value, 'PX', String(100 + random.below(400))],
          ['SET', key, value, 'EX', '900'],
          ['SET', key, value, 'KEEPTTL'],
          ['INCRBY', key, value],
          ['DECR', key],
          ['GETDEL', key],
          ['MSET', key, value, other, value],
          ['APPEND', key, value],
        ];
      case 'h':
        return [
          ['HSET', key, member, value],
          ['HSET', key, member, value, second, value],
          ['HSETNX', key, member, value],
          ['HINCRBY', key, member, value],
          ['HDEL', key, member, second],
        ];
      case 'm':
        return [
          ['SADD', key, member, second],
          ['SREM', key, member],
          ['SPOP', key],
          ['SMOVE', key, other, member],
          ['SUNIONSTORE', other, key, 'm0'],
          ['SINTERSTORE', other, key, 'm1'],
        ];
      case 'b':
        return [
          ['SETBIT', key, value, '1'],
          ['SETBIT', key, value, random.pick(['0', '1'])],
          ['BITFIELD', key, 'INCRBY', 'u8', '#1', value],
          ['BITOP', 'XOR', other, key, 's0'],
          ['SET', key, value],
        ];
      case 'l':
        return [
          ['RPUSH', key, value, value, member],
          ['LPUSH', key, value],
          ['RPUSHX', key, value, member],
          ['LPOP', key],
          ['RPOP', key, '2'],
          ['LMPOP', '2', key, other, 'LEFT', 'COUNT', '2'],
          ['LTRIM', key, '0', '7'],
          ['LTRIM', key, '1', '-2'],
          ['LSET', key, '0', value],
          ['LREM', key, '-1', value],
          ['LINSERT', key, 'BEFORE', member, value],
          ['LMOVE', key, other, 'LEFT', 'RIGHT'],
          ['RPOPLPUSH', key, key],
          ['SORT', key, 'ALPHA', 'STORE', other],
        ];
      case 'p':
        return [
          ['PFADD', key, `${member}${value}`, second],
          ['PFADD', key, `${member}${value}`],
          ['PFMERGE', other, key],
          ['PFCOUNT', key],
        ];
      default:
        return [
          ['ZADD', key, value, member],
          ['ZADD', key, 'GT', value, member, value, second],
          ['ZINCRBY', key, value, member],
          ['ZREM', key, member],
          ['ZPOPMIN', key],
          ['ZREMRANGEBYRANK', key, '0', '-4'],
          ['ZREMRANGEBYSCORE', key, '40', 'inf'],
          ['ZRANGESTORE', other, key, '0', '2'],
        ];
    }
  }
}
