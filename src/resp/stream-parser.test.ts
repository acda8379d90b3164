import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CorruptInput } from '../base/errors.ts';
import { Command } from './command.ts';
import { encodeCommand } from './encode.ts';
import { StreamParser } from './stream-parser.ts';

interface Parsed {
  args: string[];
  end: number;
}

/** Feeds the chunks one by one and reads after each, as the socket shell does. */
function parse(chunks: readonly Buffer[], offset = 0): { parsed: Parsed[]; consumed: number } {
  const parser = new StreamParser(offset);
  const command = new Command();
  const parsed: Parsed[] = [];
  for (const chunk of chunks) {
    parser.feed(chunk);
    while (parser.next(command)) {
      const args = Array.from({ length: command.argc }, (_, i) => command.arg(i));
      const raw = command.buffer.subarray(command.start, command.end);
      assert.deepEqual(raw, encodeCommand(args));
      parsed.push({ args, end: parser.consumed });
    }
  }
  return { parsed, consumed: parser.consumed };
}

function cutInPieces(stream: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  // Copies: a view into the whole stream would hide reads beyond the chunk.
  for (let at = 0; at < stream.length; at += size) {
    chunks.push(Buffer.from(stream.subarray(at, at + size)));
  }
  return chunks;
}

function cutAt(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...cuts].map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b);
  const chunks: Buffer[] = [];
  let from = 0;
  for (const place of [...places, stream.length]) {
    chunks.push(Buffer.from(stream.subarray(from, place)));
    from = place;
  }
  return chunks;
}

function expectCorrupt(bytes: string, message: RegExp): void {
  const stream = Buffer.from(bytes, 'latin1');
  for (const chunks of [[stream], cutInPieces(stream, 1), cutInPieces(stream, 3)]) {
    const parser = new StreamParser();
    const command = new Command();
    const drain = (): void => {
      while (parser.next(command));
    };
    const readAll = (): void => {
      for (const chunk of chunks) {
        parser.feed(chunk);
        drain();
      }
    };
    const check = (error: unknown): boolean =>
      error instanceof CorruptInput && message.test(error.message);
    assert.throws(readAll, check, `${JSON.stringify(bytes)} in ${chunks.length} chunks`);
    assert.throws(drain, check, 'goes on throwing');
  }
}

test('cuts a stream into commands and counts every byte', () => {
  const set = encodeCommand(['SET', 'k', 'v']);
  const empty = encodeCommand(['APPEND', '', '\r\n\0\xff']);
  const { parsed, consumed } = parse([Buffer.concat([set, empty])], 1000);
  assert.deepEqual(parsed, [
    { args: ['SET', 'k', 'v'], end: 1000 + set.length },
    { args: ['APPEND', '', '\r\n\0\xff'], end: 1000 + set.length + empty.length },
  ]);
  assert.equal(consumed, 1000 + set.length + empty.length);
});

test('a command inside one chunk is not copied', () => {
  const chunk = Buffer.concat([encodeCommand(['PING']), encodeCommand(['SET', 'a', 'b'])]);
  const parser = new StreamParser();
  const command = new Command();
  parser.feed(chunk);
  assert.ok(parser.next(command));
  assert.equal(command.buffer, chunk);
  assert.ok(parser.next(command));
  assert.equal(command.buffer, chunk);
  assert.equal(command.start, encodeCommand(['PING']).length);
});

test('only the command that is cut is joined, its neighbours stay where they are', () => {
  const first = encodeCommand(['SET', 'a', '1']);
  const second = encodeCommand(['SET', 'b', '2']);
  const third = encodeCommand(['SET', 'c', '3']);
  const stream = Buffer.concat([first, second, third]);
  const left = Buffer.from(stream.subarray(0, first.length + 9));
  const right = Buffer.from(stream.subarray(first.length + 9));
  const parser = new StreamParser();
  const command = new Command();
  parser.feed(left);
  assert.ok(parser.next(command));
  assert.equal(command.buffer, left);
  assert.equal(parser.next(command), false);
  parser.feed(right);
  assert.ok(parser.next(command));
  assert.equal(command.arg(1), 'b');
  assert.notEqual(command.buffer, right);
  assert.ok(parser.next(command));
  assert.equal(command.buffer, right);
  assert.equal(command.arg(2), '3');
});

test('newlines between commands are skipped and counted, also when cut', () => {
  const set = encodeCommand(['SET', 'k', 'v']);
  const stream = Buffer.concat([
    Buffer.from('\n\r\n'),
    set,
    Buffer.from('\r\n\n'),
    set,
    Buffer.from('\n'),
  ]);
  for (const size of [stream.length, 1, 2, 7]) {
    const { parsed, consumed } = parse(cutInPieces(stream, size));
    assert.deepEqual(
      parsed.map((one) => one.end),
      [3 + set.length, 6 + 2 * set.length],
    );
    assert.equal(consumed, stream.length);
  }
});

test('chunks fed ahead are kept in order', () => {
  const parser = new StreamParser();
  const command = new Command();
  for (let i = 0; i < 5; i++) parser.feed(encodeCommand(['SET', 'k', i]));
  const seen: string[] = [];
  while (parser.next(command)) seen.push(command.arg(2));
  assert.deepEqual(seen, ['0', '1', '2', '3', '4']);
});

test('once next() has returned false the chunk may be overwritten', () => {
  const args = Array.from({ length: 200 }, (_, i) => ['SET', `key${i}`, 'v'.repeat(i * 5)]);
  const stream = Buffer.concat(args.map((one) => encodeCommand(one)));
  const lent = Buffer.alloc(997);
  const parser = new StreamParser();
  const command = new Command();
  const seen: string[][] = [];
  for (let at = 0; at < stream.length; at += lent.length) {
    const length = stream.copy(lent, 0, at);
    parser.feed(lent.subarray(0, length));
    while (parser.next(command)) seen.push([command.arg(0), command.arg(1), command.arg(2)]);
    lent.fill(0);
  }
  assert.deepEqual(seen, args);
});

test('however the stream is cut, the same commands come out', () => {
  const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
  const long = fc.integer({ min: 41, max: 200_000 }).map((size) => Buffer.alloc(size, 'x'));
  const argument = fc.oneof({ weight: 30, arbitrary: bytes }, { weight: 1, arbitrary: long });
  const command = fc.array(argument, { minLength: 1, maxLength: 90 });
  const commands = fc.array(fc.tuple(command, fc.constantFrom('', '', '\n', '\r\n')), {
    minLength: 1,
    maxLength: 8,
  });
  const property = fc.property(commands, fc.array(fc.nat(), { maxLength: 12 }), (list, cuts) => {
    const parts: Buffer[] = [];
    const expected: Parsed[] = [];
    let end = 0;
    for (const [args, newline] of list) {
      const encoded = encodeCommand(args);
      end += encoded.length;
      expected.push({ args: args.map((arg) => arg.toString('latin1')), end });
      parts.push(encoded, Buffer.from(newline));
      end += newline.length;
    }
    const stream = Buffer.concat(parts);
    assert.deepEqual(parse(cutAt(stream, cuts)).parsed, expected);
    if (stream.length < 5000) assert.deepEqual(parse(cutInPieces(stream, 1)).parsed, expected);
  });
  fc.assert(property, { numRuns: 150 });
});

test('damaged bytes give an error or other commands, never anything else', () => {
  const stream = Buffer.concat([
    encodeCommand(['SET', 'key', 'value']),
    encodeCommand(['MULTI']),
    encodeCommand(['HSET', 'h', 'f', 'v'.repeat(30)]),
    encodeCommand(['EXEC']),
  ]);
  const property = fc.property(
    fc.nat(stream.length - 1),
    fc.nat(255),
    fc.array(fc.nat(), { maxLength: 4 }),
    (place, byte, cuts) => {
      const damaged = Buffer.from(stream);
      damaged[place] = byte;
      const parser = new StreamParser();
      const command = new Command();
      try {
        for (const chunk of cutAt(damaged, cuts)) {
          parser.feed(chunk);
          while (parser.next(command)) assert.ok(command.end <= command.buffer.length);
        }
      } catch (error) {
        if (!(error instanceof CorruptInput)) throw error;
      }
      assert.ok(parser.consumed <= stream.length);
    },
  );
  fc.assert(property, { numRuns: 500 });
});

test('corrupt input is named', () => {
  expectCorrupt('PING\r\n', /begins no command/);
  expectCorrupt('+OK\r\n', /begins no command/);
  expectCorrupt('\r*1\r\n$4\r\nPING\r\n', /carriage return/);
  expectCorrupt('*0\r\n*1\r\n$4\r\nPING\r\n', /out of bounds/);
  expectCorrupt('*-1\r\n$4\r\nPING\r\n', /malformed length/);
  expectCorrupt('*1x\r\n$4\r\nPING\r\n', /malformed length/);
  expectCorrupt('*\r\n$4\r\nPING\r\n', /malformed length/);
  expectCorrupt('*1\n$4\r\nPING\r\n', /malformed length/);
  expectCorrupt('*16777217\r\n$4\r\nPING\r\n', /out of bounds/);
  expectCorrupt('*99999999999999999999\r\n$4\r\nPING\r\n', /malformed length/);
  expectCorrupt('*1\r\n:4\r\nPING\r\n', /not a bulk string|unexpected byte/);
  expectCorrupt('*1\r\n$-1\r\nPING\r\n', /malformed length/);
  expectCorrupt('*1\r\n$999999999\r\nPING\r\n', /out of bounds/);
  expectCorrupt('*1\r\n$3\r\nPING\r\n$3\r\n', /does not end where its length says/);
  expectCorrupt('*2\r\n$4\r\nPING\r\nxxxxxxxxxxxxxxxx', /not a bulk string|malformed|unexpected/);
});

test('a count that cannot be true takes no memory ahead', () => {
  const parser = new StreamParser();
  const command = new Command();
  parser.feed(Buffer.from('*16777216\r\n$1\r\nx\r\n'));
  assert.equal(parser.next(command), false);
  assert.equal(command.argStart.length, 64);
});

test('a huge value in many chunks is copied once', () => {
  const size = 128 * 1024 * 1024;
  const piece = Buffer.alloc(64 * 1024, 'x');
  const parser = new StreamParser();
  const command = new Command();
  const startedAt = performance.now();
  parser.feed(Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${size}\r\n`));
  for (let sent = 0; sent < size; sent += piece.length) {
    assert.equal(parser.next(command), false);
    parser.feed(piece);
  }
  parser.feed(Buffer.from('\r\n*1\r\n$4\r\nPING\r\n'));
  assert.ok(parser.next(command));
  assert.equal(command.argLength(2), size);
  assert.equal(command.buffer[command.argEnd[2]! - 1], 120);
  assert.ok(parser.next(command));
  assert.equal(command.arg(0), 'PING');
  // Copying it anew for each of the 2,048 chunks would move 128 GiB.
  assert.ok(performance.now() - startedAt < 5000);
});

test('a command of many arguments in many chunks is not scanned anew for each', () => {
  const args = ['RPUSH', 'k', ...Array.from({ length: 300_000 }, (_, i) => `element${i}`)];
  const stream = encodeCommand(args);
  const parser = new StreamParser();
  const command = new Command();
  let found = 0;
  const startedAt = performance.now();
  for (let at = 0; at < stream.length; at += 500) {
    parser.feed(stream.subarray(at, at + 500));
    while (parser.next(command)) {
      found++;
      assert.equal(command.argc, 300_002);
      assert.equal(command.arg(300_001), 'element299999');
    }
  }
  assert.equal(found, 1);
  assert.ok(performance.now() - startedAt < 5000);
});
