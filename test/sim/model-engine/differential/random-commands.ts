// Random commands of every type, on each other's keys too, and now and then malformed.

import { type KeyType, RandomArguments, TYPES } from './random-arguments.ts';
import { bitmapCommand, hyperLogLogCommand } from './random-bits.ts';
import { listCommand } from './random-lists.ts';
import { setCommand, zsetCommand } from './random-sets.ts';
import { streamCommand } from './random-streams.ts';
import { counterCommand, hashCommand, stringCommand } from './random-strings.ts';

type MakeCommand = (make: RandomArguments, key: string) => string[];

const BY_TYPE: Readonly<Record<KeyType, MakeCommand>> = {
  string: stringCommand,
  counter: counterCommand,
  bitmap: bitmapCommand,
  hyperloglog: hyperLogLogCommand,
  hash: hashCommand,
  set: setCommand,
  zset: zsetCommand,
  list: listCommand,
  stream: streamCommand,
};

export class RandomCommands extends RandomArguments {
  /** Commands of one type on one key, mostly: more comes about than where every type meets every other. */
  session(most: number): string[][] {
    const type = this.random.pick(TYPES);
    const key = this.key(type);
    return this.random.times(most, () => BY_TYPE[type](this, key));
  }

  /** A command on `key`, of the type that its name says. */
  about(key: string): string[] {
    const type = TYPES.find((each) => key.startsWith(`${each}:`)) ?? 'string';
    return BY_TYPE[type](this, key);
  }

  /** A command that may be sent anywhere. */
  next(): string[] {
    const type = this.random.pick(TYPES);
    const command = this.random.chance(25) ? keyCommand(this) : BY_TYPE[type](this, this.key(type));
    // A wrong number of arguments or an unknown command, now and then.
    if (command.length > 1 && this.random.chance(1)) return command.slice(0, -1);
    if (this.random.below(500) === 0) return ['NOSUCH', 'a', 'b'];
    return this.random.chance(10)
      ? [(command[0] as string).toLowerCase(), ...command.slice(1)]
      : command;
  }
}

function keyCommand(make: RandomArguments): string[] {
  const { random } = make;
  const key = make.key();
  const flags = () =>
    random.some(40, () => random.times(2, () => random.pick(['NX', 'XX', 'GT', 'LT', 'gt'])));
  return random.pick<() => string[]>([
    () => [random.pick(['DEL', 'UNLINK']), ...random.times(3, () => make.key())],
    () => ['EXISTS', key, make.key()],
    () => ['TYPE', key],
    () => ['PEXPIREAT', key, make.timeMs(), ...flags()],
    () => ['PEXPIREAT', key, make.timeMs(), ...flags()],
    () => ['EXPIREAT', key, make.timeSeconds(), ...flags()],
    () => ['PEXPIREAT', key, make.timeMs(), 'bad'],
    () => ['PERSIST', key],
    () => ['PEXPIRETIME', key],
    () => ['EXPIRETIME', key],
    () => [random.pick(['RENAME', 'RENAMENX']), key, make.key()],
    () => ['COPY', key, make.key(), ...random.some(50, () => ['REPLACE'])],
    () => [random.pick(['PUBLISH', 'SPUBLISH']), make.word(), make.word()],
    () => ['DBSIZE'],
  ])();
}
