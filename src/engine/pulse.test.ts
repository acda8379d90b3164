import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { EnginePulse } from './pulse.ts';

const INFO = '# Replication\r\nrole:master\r\nmaster_replid:abc\r\nmaster_repl_offset:';

let server: Server;
let sockets: Socket[];
/** What was asked, on which connection. */
let asked: { socket: Socket; text: string }[];
let pulse: EnginePulse;
let heard: number;

beforeEach(async () => {
  sockets = [];
  asked = [];
  heard = 0;
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      asked.push({ socket, text: data.toString('latin1') });
      server.emit('asked');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const endpoint = { host: '127.0.0.1', port, username: 'one', password: 'two' };
  pulse = new EnginePulse(endpoint, () => {
    heard++;
  });
});

afterEach(async () => {
  pulse.end();
  for (const socket of sockets) socket.destroy();
  if (server.listening) {
    server.close();
    await once(server, 'close');
  }
});

async function until(isReached: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 5_000;
  while (!isReached()) {
    assert.ok(performance.now() < deadlineMs, 'it did not happen');
    await delay(2);
  }
}

/** Answers the last question. */
async function answer(text: string): Promise<void> {
  const count = heard;
  asked.at(-1)?.socket.write(text, 'latin1');
  await until(() => heard > count);
}

async function ask(): Promise<void> {
  const count = asked.length;
  pulse.ask();
  await until(() => asked.length > count);
}

for (const error of ['-BUSY Redis is busy', '-LOADING', '-NOAUTH', '-WRONGPASS', '-MASTERDOWN']) {
  test(`${error} is an answer`, async () => {
    await ask();
    assert.equal(pulse.isWaiting, true);
    await answer(`${error}\r\n`);
    assert.equal(pulse.isWaiting, false);
    assert.equal(pulse.knownEnd, null);
  });
}

test('it is asked once until it answers, on one connection', async () => {
  await ask();
  for (let i = 0; i < 5; i++) pulse.ask();
  await answer('+OK\r\n');
  await ask();
  assert.equal(sockets.length, 1);
  assert.match(asked[0]?.text ?? '', /AUTH\r\n\$3\r\none\r\n\$3\r\ntwo/);
  assert.equal(asked.length, 2);
});

test('how far its stream had come is known of the last answer but one, also one in pieces', async () => {
  await ask();
  await answer(`+OK\r\n$99\r\n${INFO}1`);
  await answer('23\r\nsecond_repl_offset:-1\r\n\r\n');
  assert.equal(pulse.knownEnd, null);
  await ask();
  await answer(`$99\r\n${INFO}456\r\n\r\n`);
  assert.deepEqual(pulse.knownEnd, { replicationId: 'abc', offset: 123 });
});

test('where nobody listens no question waits', async () => {
  server.close();
  await once(server, 'close');
  pulse.ask();
  await until(() => !pulse.isWaiting);
  assert.equal(heard, 0);
});

test('a connection that ends takes its question along; the next one is asked on another', async () => {
  await ask();
  sockets[0]?.destroy();
  await until(() => !pulse.isWaiting);
  await ask();
  await answer('+OK\r\n');
  assert.equal(sockets.length, 2);
});

test('an answer on the second connection counts, and the first is made anew', async () => {
  await ask();
  pulse.askOtherwise();
  pulse.askOtherwise();
  await until(() => asked.length === 2);
  assert.equal(pulse.isWaiting, true);
  await answer('-ERR wrong number of arguments\r\n');
  assert.equal(pulse.isWaiting, false);
  assert.equal(heard, 1);
  await ask();
  assert.equal(sockets.length, 3);
});
