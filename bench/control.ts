// The benchmark's own connections to the engines: settings, sizes, and waiting until both sides agree.

import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Cleanup } from './cleanup.ts';
import type { Endpoint } from './load/messages.ts';
import type { RunningSystem } from './systems/system.ts';

/** Holds the token that tells when all that was written before has arrived. */
export const MARKER_KEY = 'bench:marker';

const LEVEL_SECONDS_MAX = 600;

export async function connectControl(endpoint: Endpoint): Promise<Redis> {
  const client = new Redis({ ...endpoint, lazyConnect: true, retryStrategy: null });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** A field of INFO, or null when this engine has none of that name. */
export function infoText(info: string, field: string): string | null {
  for (const line of info.split('\r\n')) {
    if (line.startsWith(`${field}:`)) return line.slice(field.length + 1);
  }
  return null;
}

/** A numeric field of INFO; absent ones (older engines) count as zero. */
export function infoNumber(info: string, field: string): number {
  return Number(infoText(info, field) ?? 0);
}

/** A running system with the benchmark's control connections to both sides. */
export class Pair {
  readonly system: RunningSystem;
  readonly writer: Redis;
  readonly reader: Redis;
  #tokens = 0;

  private constructor(system: RunningSystem, writer: Redis, reader: Redis) {
    this.system = system;
    this.writer = writer;
    this.reader = reader;
  }

  static async connect(system: RunningSystem, cleanup: Cleanup): Promise<Pair> {
    const writer = await connectControl(system.writer);
    const reader = await connectControl(system.reader);
    cleanup.defer(() => {
      writer.disconnect();
      reader.disconnect();
    });
    return new Pair(system, writer, reader);
  }

  /** Writes a marker and waits until the reader shows it and as many keys as the writer. */
  async untilLevel(): Promise<void> {
    this.#tokens += 1;
    const token = String(this.#tokens);
    const deadlineMs = performance.now() + LEVEL_SECONDS_MAX * 1000;
    await this.writer.set(MARKER_KEY, token);
    while ((await this.reader.get(MARKER_KEY)) !== token) await this.#pause(deadlineMs);
    while ((await this.reader.dbsize()) !== (await this.writer.dbsize())) {
      await this.#pause(deadlineMs);
    }
  }

  /** Removes keys by pattern at the writer and waits until they are gone at the reader. */
  async clear(pattern: string): Promise<void> {
    let cursor = '0';
    do {
      const [next, keys] = await this.writer.scan(cursor, 'MATCH', pattern, 'COUNT', 2000);
      if (keys.length > 0) await this.writer.unlink(...keys);
      cursor = next;
    } while (cursor !== '0');
    await this.untilLevel();
  }

  async #pause(deadlineMs: number): Promise<void> {
    if (performance.now() > deadlineMs) {
      const sizes = [await this.writer.dbsize(), await this.reader.dbsize()];
      throw new Error(
        `${this.system.name}: the reader did not catch up within ${LEVEL_SECONDS_MAX} s ` +
          `(keys at the writer and the reader: ${sizes.join(', ')})`,
      );
    }
    await sleep(2);
  }
}
