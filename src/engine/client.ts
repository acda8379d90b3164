// A connection to an engine for questions about the engine itself (INFO, CONFIG GET, DBSIZE).

import { Redis } from 'ioredis';

export interface EngineEndpoint {
  readonly host: string;
  readonly port: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** Connects once: fails at once when nobody listens, and does not reconnect. `signal` ends it, also later:
 * an engine that hangs accepts connections and answers nothing. */
export async function connectEngine(
  endpoint: EngineEndpoint,
  signal?: AbortSignal,
): Promise<Redis> {
  const { host, port, username, password } = endpoint;
  const client = new Redis({
    host,
    port,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    lazyConnect: true,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    disableClientInfo: true,
  });
  // connect() only says that the connection closed; the event says why (refused, wrong password).
  let reason: Error | null = null;
  client.on('error', (error) => {
    reason ??= error;
  });
  signal?.addEventListener('abort', () => client.disconnect(), { once: true });
  try {
    await client.connect();
  } catch (error) {
    client.disconnect();
    throw reason ?? error;
  }
  return client;
}

/** One field of an INFO answer; null when the engine does not report it. */
export function infoField(info: string, name: string): string | null {
  const match = new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info);
  return match?.[1] ?? null;
}
