// How fast the replication stream is cut into commands, on one core: `node bench/parser.ts [seconds]`.

import { Command } from '../src/resp/command.ts';
import { encodeStrings } from '../src/resp/encode.ts';
import { StreamParser } from '../src/resp/stream-parser.ts';

const MEGABYTE = 1e6;

interface Load {
  name: string;
  chunkBytes: number;
  command: (index: number) => string[];
}

const loads: Load[] = [
  {
    name: 'SET, 20 byte key, 32 byte value, 64 KiB chunks',
    chunkBytes: 64 * 1024,
    command: (index) => ['SET', `key:${String(index).padStart(16, '0')}`, 'v'.repeat(32)],
  },
  {
    name: 'the same in chunks of 200 bytes',
    chunkBytes: 200,
    command: (index) => ['SET', `key:${String(index).padStart(16, '0')}`, 'v'.repeat(32)],
  },
  {
    name: 'HSET with 10 fields',
    chunkBytes: 64 * 1024,
    command: (index) => {
      const args = ['HSET', `hash:${index}`];
      for (let i = 0; i < 10; i++) args.push(`field${i}`, `value${i}`);
      return args;
    },
  },
  {
    name: 'SET of 64 KiB values',
    chunkBytes: 256 * 1024,
    command: (index) => ['SET', `key:${index}`, 'v'.repeat(65536)],
  },
];

function measure(load: Load, seconds: number): string {
  const commands: Buffer[] = [];
  let bytes = 0;
  for (let i = 0; i < 200_000 && bytes < 16 * MEGABYTE; i++) {
    const command = encodeStrings(load.command(i));
    commands.push(command);
    bytes += command.length;
  }
  const stream = Buffer.concat(commands);
  const chunks: Buffer[] = [];
  for (let at = 0; at < stream.length; at += load.chunkBytes) {
    chunks.push(stream.subarray(at, at + load.chunkBytes));
  }
  const parser = new StreamParser();
  const command = new Command();
  let count = 0;
  const round = (): void => {
    for (const chunk of chunks) {
      parser.feed(chunk);
      while (parser.next(command)) count++;
    }
  };
  round();
  count = 0;
  let elapsedMs = 0;
  let rounds = 0;
  const startedAt = performance.now();
  while (elapsedMs < seconds * 1000) {
    round();
    rounds++;
    elapsedMs = performance.now() - startedAt;
  }
  const megabytes = ((rounds * bytes) / MEGABYTE / elapsedMs) * 1000;
  const perSecond = (count / elapsedMs) * 1000;
  return `${megabytes.toFixed(0)} MB/s, ${Math.round(perSecond).toLocaleString('en')} commands/s`;
}

const seconds = Number(process.argv[2] ?? '1');
for (const load of loads) console.log(`${load.name}: ${measure(load, seconds)}`);
