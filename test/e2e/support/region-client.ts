// Clients of one region, of both libraries that people use, behind the few calls that tests need.

import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createClient, MultiErrorReply } from 'redis';

export interface Endpoint {
  readonly region: string;
  readonly host: string;
  readonly enginePort: number;
}

export interface RegionClient {
  readonly name: string;
  readonly region: string;
  /** Resolves to the reply; an error of the engine rejects. */
  send(args: readonly string[]): Promise<unknown>;
  /** MULTI, these commands, EXEC; an error inside rejects. */
  transaction(commands: readonly (readonly string[])[]): Promise<unknown[]>;
  /** Hands over each message of these channels. */
  subscribe(channel: string, onMessage: (message: string) => void): Promise<void>;
  close(): Promise<void>;
}

/** Timestamps count whole milliseconds. */
const LATER_MS = 5;
const CAPTURED_WITHIN_MS = '5000';

/**
 * What this client has written has its time from now on, and what another writes next has a later one: a write has the
 * time at which its replicator captures it, which a loaded machine may put off.
 */
export async function captured(client: RegionClient): Promise<void> {
  await client.send(['WAIT', '1', CAPTURED_WITHIN_MS]);
  await delay(LATER_MS);
}

export async function connectIoredis({
  region,
  host,
  enginePort,
}: Endpoint): Promise<RegionClient> {
  const client = new Redis({
    host,
    port: enginePort,
    lazyConnect: true,
    retryStrategy: () => null,
  });
  client.on('error', () => {});
  await client.connect();
  return {
    name: `ioredis in ${region}`,
    region,
    send: ([name = '', ...args]) => client.call(name, ...args),
    transaction: async (commands) => {
      const multi = client.multi();
      for (const [name = '', ...args] of commands) multi.call(name, ...args);
      const results = (await multi.exec()) ?? [];
      return results.map(([error, result]) => {
        if (error !== null) throw error;
        return result;
      });
    },
    subscribe: async (channel, onMessage) => {
      client.on('message', (_channel, message) => onMessage(message));
      await client.subscribe(channel);
    },
    close: async () => client.disconnect(),
  };
}

export async function connectNodeRedis({
  region,
  host,
  enginePort,
}: Endpoint): Promise<RegionClient> {
  const client = createClient({ socket: { host, port: enginePort, reconnectStrategy: false } });
  client.on('error', () => {});
  await client.connect();
  return {
    name: `node-redis in ${region}`,
    region,
    send: (args) => client.sendCommand([...args]),
    transaction: async (commands) => {
      const multi = client.multi();
      for (const args of commands) multi.addCommand([...args]);
      try {
        return await multi.exec();
      } catch (error) {
        if (error instanceof MultiErrorReply) throw [...error.errors()][0];
        throw error;
      }
    },
    subscribe: async (channel, onMessage) => {
      await client.subscribe(channel, (message) => onMessage(message));
    },
    close: async () => client.destroy(),
  };
}
