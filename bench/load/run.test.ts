import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { Command } from '../../src/resp/command.ts';
import { StreamParser } from '../../src/resp/stream-parser.ts';
import { Cleanup } from '../cleanup.ts';
import type { LoadOptions } from './messages.ts';
import { runLoad } from './run.ts';

/** A server that answers everything, and what it has seen. */
class Listener {
  readonly names = new Map<string, number>();
  readonly keys = new Set<string>();
  /** Commands of one connection that were there without a reply, at most. */
  unansweredMax = 0;
  firstAtMs = 0;

  async serve(load: Omit<LoadOptions, 'endpoint'>, answer = ':1\r\n') {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      this.#listen(socket, answer);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(address !== null && typeof address !== 'string');
    try {
      const endpoint = { host: '127.0.0.1', port: address.port };
      return await runLoad({ ...load, endpoint }, new Cleanup());
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  }

  #listen(socket: Socket, answer: string): void {
    const parser = new StreamParser();
    const command = new Command();
    let unanswered = 0;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      this.firstAtMs ||= Date.now();
      parser.feed(chunk);
      while (parser.next(command)) {
        unanswered += 1;
        this.names.set(command.arg(0), (this.names.get(command.arg(0)) ?? 0) + 1);
        this.keys.add(command.arg(1));
      }
      this.unansweredMax = Math.max(this.unansweredMax, unanswered);
      setImmediate(() => {
        socket.write(answer.repeat(unanswered));
        unanswered = 0;
      });
    });
  }
}

const LOAD = { keyPrefix: 'k:', keys: 1, valueBytes: 4, rate: 0, seconds: 0, connections: 2 };

test('so many writes are made, no more under way than asked for, and latencies are told', async () => {
  const listener = new Listener();
  const load = { ...LOAD, workload: 'queue', writes: 1000, pipeline: 16 } as const;
  const result = await listener.serve(load);
  assert.equal(result.writes, 1000);
  assert.deepEqual(
    [...listener.names],
    [
      ['LPUSH', 500],
      ['RPOP', 500],
    ],
  );
  assert.deepEqual([...listener.keys], ['k:000000000000']);
  assert.ok(listener.unansweredMax <= 16, `${listener.unansweredMax} under way`);
  assert.ok((result.p99Ms ?? 0) > 0);
});

test('without a number of writes each key has its turn', async () => {
  const listener = new Listener();
  const result = await listener.serve({ ...LOAD, workload: 'set', keys: 250 });
  assert.equal(result.writes, 250);
  assert.equal(listener.keys.size, 250);
  assert.equal(result.p99Ms, null);
});

test('a pace holds, and begins when it was to begin', async () => {
  const listener = new Listener();
  const startAtMs = Date.now() + 400;
  const load = { ...LOAD, workload: 'hotCounter', rate: 1000, seconds: 0.3, startAtMs } as const;
  const result = await listener.serve(load);
  assert.equal(result.writes, 300);
  assert.ok(result.seconds >= 0.3);
  // Timers may be a millisecond early.
  assert.ok(listener.firstAtMs >= startAtMs - 2, `${startAtMs - listener.firstAtMs} ms early`);
});

test('writes before the load is warm are made and not counted', async () => {
  const listener = new Listener();
  const times = { seconds: 0.1, warmUpSeconds: 0.1, pipeline: 1 };
  const result = await listener.serve({ ...LOAD, workload: 'append', ...times });
  const made = listener.names.get('XADD') ?? 0;
  assert.ok(result.writes > 0 && result.writes < made, `${result.writes} of ${made}`);
});

test('an error reply ends the load with the words of the server', async () => {
  const load = { ...LOAD, workload: 'append', writes: 10 } as const;
  await assert.rejects(new Listener().serve(load, '-OOM no room\r\n'), /OOM no room/);
});
