import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { OperatorError } from '../../base/errors.ts';
import { encodeCommand } from '../../resp/encode.ts';
import { CaptureSession, SILENCE_MS_MAX, type StreamPosition } from './session.ts';

const ID = `${'a'.repeat(39)}1`;
const OTHER_ID = 'b'.repeat(40);
const MARK = '0123456789abcdef0123456789abcdef01234567';

/** Plays the engine: what is expected of us, and what it answers. */
interface Line {
  request: string[];
  answer: string;
}

const LOGIN: Line[] = [
  { request: ['AUTH', 'atoll', 'secret'], answer: '+OK\r\n' },
  { request: ['REPLCONF', 'listening-port', '0'], answer: '+OK\r\n' },
  { request: ['REPLCONF', 'capa', 'eof', 'capa', 'psync2'], answer: '+OK\r\n' },
  { request: ['REPLCONF', 'rdb-filter-only', ''], answer: '+OK\r\n' },
];

/** As recorded from redis-server 7.0.15, the snapshot shortened. */
const FIRST_START: Line[] = [
  ...LOGIN,
  {
    request: ['PSYNC', '?', '-1'],
    answer: `\n+FULLRESYNC ${ID} 1000\r\n\n\n$EOF:${MARK}\r\nREDIS0010\xfa\tredis-ver\xff01234567${MARK}`,
  },
];

class Play {
  sent: string[] = [];
  data: Buffer[] = [];
  started: StreamPosition[] = [];
  lost: string[] = [];
  failed: OperatorError[] = [];
  nowMs = 0;
  /** Called for each chunk of data. */
  onData: (chunk: Buffer) => void = () => {};
  session: CaptureSession;

  constructor(resume?: StreamPosition) {
    this.session = new CaptureSession(
      { username: 'atoll', password: 'secret', resume },
      {
        send: (bytes) => this.sent.push(bytes.toString('latin1')),
        started: (position) => this.started.push(position),
        data: (chunk) => {
          this.data.push(Buffer.from(chunk));
          this.onData(chunk);
        },
        lost: (reason) => this.lost.push(reason),
        failed: (error) => this.failed.push(error),
      },
    );
    this.session.begin(this.nowMs);
  }

  /** Answers each request in chunks whose sizes `cut` gives. */
  run(lines: readonly Line[], cut: () => number = () => 1e6): void {
    for (const { request, answer } of lines) {
      assert.equal(this.sent.shift(), encodeCommand(request).toString('latin1'));
      this.feed(answer, cut);
    }
  }

  feed(text: string, cut: () => number = () => 1e6): void {
    const bytes = Buffer.from(text, 'latin1');
    let at = 0;
    while (at < bytes.length) {
      const end = at + cut();
      const lent = Buffer.from(bytes.subarray(at, end));
      this.session.receive(lent, this.nowMs);
      lent.fill(0);
      at = end;
    }
  }

  takeSent(): string[] {
    return this.sent.splice(0);
  }
}

function ack(offset: number): string {
  return encodeCommand(['REPLCONF', 'ACK', offset]).toString('latin1');
}

test('a first start skips the snapshot and begins at the offset that came with it', () => {
  const play = new Play();
  play.run(FIRST_START);
  assert.deepEqual(play.started, [{ replicationId: ID, offset: 1000 }]);
  assert.ok(play.session.streaming);
  assert.deepEqual(play.takeSent(), [ack(1000)]);
  play.feed('*1\r\n$4\r\nPING\r\n');
  assert.equal(Buffer.concat(play.data).toString(), '*1\r\n$4\r\nPING\r\n');
  assert.equal(play.session.received, 1014);
});

test('wherever the exchange is cut, the same stream comes out', () => {
  const stream = encodeCommand(['SET', 'k', `${MARK}\r\n\xff`]).toString('latin1');
  const lines = FIRST_START.map((line, index) =>
    index === FIRST_START.length - 1 ? { ...line, answer: line.answer + stream } : line,
  );
  const property = fc.property(
    fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
    (sizes) => {
      const play = new Play();
      let next = 0;
      play.run(lines, () => sizes[next++ % sizes.length] as number);
      assert.equal(play.failed.length, 0);
      assert.deepEqual(play.started, [{ replicationId: ID, offset: 1000 }]);
      assert.equal(Buffer.concat(play.data).toString('latin1'), stream);
      assert.equal(play.session.received, 1000 + stream.length);
    },
  );
  fc.assert(property, { numRuns: 300, examples: [[[1]]] });
});

test('a snapshot of announced length is skipped as well', () => {
  const play = new Play();
  const answer = `+FULLRESYNC ${ID} 5\r\n$9\r\nREDIS0010abc`;
  play.run([...LOGIN, { request: ['PSYNC', '?', '-1'], answer }], () => 1);
  assert.equal(Buffer.concat(play.data).toString(), 'abc');
});

test('acknowledges every 50 ms until the stream comes, then every second', () => {
  const play = new Play();
  play.run(FIRST_START);
  assert.equal(play.session.tickMs, 50);
  play.takeSent();
  for (let i = 0; i < 3; i++) {
    play.nowMs += 50;
    play.session.tick(play.nowMs, true);
  }
  assert.deepEqual(play.takeSent(), [ack(1000), ack(1000), ack(1000)]);
  play.feed('*1\r\n$4\r\nPING\r\n');
  assert.equal(play.session.tickMs, 1000);
  play.session.acknowledge(1014, play.nowMs);
  play.session.tick(play.nowMs + 500, true);
  assert.deepEqual(play.takeSent(), []);
  play.session.tick(play.nowMs + 1000, true);
  assert.deepEqual(play.takeSent(), [ack(1014)]);
});

test('no acknowledgement while the snapshot is under way', () => {
  const play = new Play();
  play.run([...LOGIN, { request: ['PSYNC', '?', '-1'], answer: `+FULLRESYNC ${ID} 1\r\n$EOF:` }]);
  play.session.tick(5000, true);
  assert.deepEqual(play.takeSent(), []);
});

test('a resume goes on behind its offset, under a new replication id if there is one', () => {
  for (const [answer, replicationId] of [
    [`+CONTINUE ${OTHER_ID}\r\n`, OTHER_ID],
    [`+CONTINUE ${ID}\r\n`, ID],
    ['+CONTINUE\r\n', ID],
  ] as const) {
    const play = new Play({ replicationId: ID, offset: 77 });
    play.run([...LOGIN, { request: ['PSYNC', ID, '78'], answer: `${answer}*1\r\n$4\r\nPI` }]);
    assert.deepEqual(play.started, [{ replicationId, offset: 77 }]);
    assert.equal(Buffer.concat(play.data).toString(), '*1\r\n$4\r\nPI');
    assert.deepEqual(play.takeSent(), [ack(77)]);
  }
});

test('a full resync in answer to a resume is reported as lost, not accepted', () => {
  const play = new Play({ replicationId: ID, offset: 77 });
  const answer = `+FULLRESYNC ${OTHER_ID} 9000\r\n$EOF:${MARK}\r\nREDIS${MARK}abc`;
  play.run([...LOGIN, { request: ['PSYNC', ID, '78'], answer }]);
  assert.equal(play.lost.length, 1);
  assert.match(play.lost[0] ?? '', /77.*9000/);
  assert.deepEqual(play.started, []);
  assert.deepEqual(play.data, []);
  assert.deepEqual(play.takeSent(), []);
});

test('GETACK is answered at once, and again when what precedes it has been taken in', () => {
  const question = encodeCommand(['REPLCONF', 'GETACK', '*']).toString('latin1');
  const before = encodeCommand(['SET', 'k', 'v']).toString('latin1');
  const end = 1000 + before.length + question.length;
  for (let size = 1; size <= before.length + question.length; size++) {
    const play = new Play();
    play.run(FIRST_START);
    play.feed('\n');
    play.takeSent();
    play.feed(before + question, () => size);
    assert.deepEqual(play.takeSent(), [ack(1000)], `chunks of ${size}`);
    play.session.acknowledge(end, play.nowMs);
    assert.deepEqual(play.takeSent(), [], 'not all of it yet');
    play.session.acknowledge(end + 1, play.nowMs);
    assert.deepEqual(play.takeSent(), [ack(end + 1)]);
  }
});

test('GETACK is answered once when the receiver acknowledges as it takes the data', () => {
  const play = new Play();
  play.run(FIRST_START);
  play.takeSent();
  play.onData = () => play.session.acknowledge(play.session.received, play.nowMs);
  play.feed(encodeCommand(['REPLCONF', 'GETACK', '*']).toString('latin1'));
  assert.deepEqual(play.takeSent(), [ack(play.session.received)]);
});

test('each refusal is named', () => {
  const refusals: [number, string, string][] = [
    [0, '-WRONGPASS invalid username-password pair or user is disabled.', 'CAPTURE_LOGIN_REFUSED'],
    [0, '-DENIED Redis is running in protected mode', 'CAPTURE_REFUSED'],
    [1, '-NOPERM this user has no permissions', 'CAPTURE_NOT_PERMITTED'],
    [3, '-ERR Unrecognized REPLCONF option: rdb-filter-only', 'CAPTURE_FILTER_UNSUPPORTED'],
    [4, '-LOADING Redis is loading the dataset in memory', 'CAPTURE_NOT_READY'],
    [4, "-NOMASTERLINK Can't SYNC while not connected with my master", 'CAPTURE_NOT_READY'],
    [4, '+CONTINUE', 'CAPTURE_PROTOCOL'],
    [2, 'HTTP/1.1 400 Bad Request', 'CAPTURE_PROTOCOL'],
  ];
  const script = [...LOGIN, { request: ['PSYNC', '?', '-1'], answer: '' }];
  for (const [at, message, code] of refusals) {
    const play = new Play();
    play.run(
      script
        .map((line, i) => (i === at ? { ...line, answer: `${message}\r\n` } : line))
        .slice(0, at + 1),
    );
    assert.deepEqual(
      play.failed.map((error) => error.code),
      [code],
      message,
    );
    assert.deepEqual(play.takeSent(), [], 'nothing more is asked for');
    play.feed('+OK\r\n');
    assert.equal(play.failed.length, 1);
  }
});

test('an endless line is refused', () => {
  const play = new Play();
  play.feed('x'.repeat(100_000), () => 1000);
  assert.equal(play.failed[0]?.code, 'CAPTURE_PROTOCOL');
});

test('silence ends the session, but not while nobody listens', () => {
  const play = new Play();
  play.run(FIRST_START);
  play.session.tick(SILENCE_MS_MAX + 1, false);
  assert.equal(play.failed.length, 0);
  play.session.tick(2 * SILENCE_MS_MAX + 1, true);
  assert.equal(play.failed.length, 0);
  play.session.tick(2 * SILENCE_MS_MAX + 2, true);
  assert.equal(play.failed[0]?.code, 'CAPTURE_SILENT');
});
