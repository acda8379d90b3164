// Commands that belong together: transactions with and without watches, scripts, payloads, keys that expire.

import { PAYLOAD, type Step } from './lockstep.ts';
import { pcallScript } from './pcall-script.ts';
import { FAR_FUTURE_MS } from './random-arguments.ts';
import type { RandomCommands } from './random-commands.ts';
import { addCommand, streamCommand } from './random-streams.ts';

export const EXPIRES_AFTER_MS = 40;
/** More entries than a node of a stream holds. */
const FILL_ENTRIES = 250;

export function only(client: number, commands: readonly (readonly string[])[]): Step[] {
  return commands.map((args) => ({ client, args }));
}

/** One or more commands that belong together. */
export function scenario(commands: RandomCommands, payloads: number): Step[] {
  const { random } = commands;
  switch (random.below(40)) {
    case 0:
    case 1:
    case 2:
      return transaction(commands);
    case 3:
      return relativeExpiry(commands);
    case 4:
      return only(0, [['DUMP', commands.key()]]);
    case 5:
      return only(0, [restore(commands, payloads)]);
    case 6:
      return random.chance(10) ? only(0, [['FLUSHALL', ...random.some(50, () => ['ASYNC'])]]) : [];
    case 7:
      return only(0, [[random.pick(['EXEC', 'DISCARD', 'UNWATCH', 'PING'])]]);
    case 8:
      return only(0, [pcallScript(scriptable(commands))]);
    case 9:
      return random.chance(20) ? filledStream(commands) : [];
    case 10:
    case 11:
      return only(0, commands.session(60));
    case 12:
      return only(0, consumerSession(commands));
    default:
      return only(
        random.chance(2) ? 1 : 0,
        random.times(20, () => commands.next()),
      );
  }
}

function transaction(commands: RandomCommands): Step[] {
  const { random } = commands;
  const steps: Step[] = [];
  const client = random.below(2);
  const watched = random.times(2, () => commands.key());
  const meddle = () =>
    random.times(3, () =>
      random.chance(50) ? commands.about(random.pick(watched)) : commands.next(),
    );
  if (random.chance(50)) {
    steps.push(...only(client, [['WATCH', ...watched]]));
    if (random.chance(40)) steps.push(...only(1 - client, meddle()));
    if (random.chance(5)) steps.push(...only(client, [['UNWATCH']]));
  }
  steps.push(...only(client, [['MULTI']]));
  steps.push(
    ...only(
      client,
      random.times(5, () => commands.next()),
    ),
  );
  if (random.chance(5)) steps.push(...only(client, [[random.pick(['MULTI', 'UNWATCH', 'PING'])]]));
  if (random.chance(3)) steps.push(...only(client, [['WATCH', commands.key()]]));
  if (random.chance(20)) steps.push(...only(1 - client, meddle()));
  steps.push(...only(client, [[random.chance(90) ? 'EXEC' : 'DISCARD']]));
  return steps;
}

function relativeExpiry(commands: RandomCommands): Step[] {
  const { random } = commands;
  const key = commands.key();
  const flags = random.some(30, () => [random.pick(['NX', 'XX', 'LT'])]);
  const args = random.pick([
    ['EXPIRE', key, '1000', ...flags],
    ['PEXPIRE', key, '1000000', ...flags],
    ['EXPIRE', key, '-1'],
    ['SETEX', key, '1000', commands.word()],
    ['PSETEX', key, '1000000', commands.word()],
    ['SETEX', key, '0', commands.word()],
  ]);
  return only(0, [args]);
}

function restore(commands: RandomCommands, payloads: number): string[] {
  if (payloads === 0) return ['PING'];
  const { random } = commands;
  const ttl = random.pick(['0', '0', String(FAR_FUTURE_MS), '1000', '-1']);
  const payload = PAYLOAD + random.below(payloads);
  return ['RESTORE', commands.key(), ttl, payload, ...random.some(70, () => ['REPLACE']), 'ABSTTL'];
}

/** Every key gets a value. */
export function beforeExpiry(commands: RandomCommands): Step[] {
  return only(
    0,
    commands.random.times(40, () => commands.next()),
  );
}

/** Some keys get an expiry soon, and the clients watch. It must not come before both have done so. */
export function untilExpiry(commands: RandomCommands): Step[] {
  const soon = String(Date.now() + EXPIRES_AFTER_MS);
  const expiries = commands.random.times(8, () => ['PEXPIREAT', commands.key(), soon]);
  const watches = [0, 1].flatMap((client) => only(client, [['WATCH', commands.key()]]));
  return [...only(0, expiries), ...watches];
}

export function afterExpiry(commands: RandomCommands): Step[] {
  const { random } = commands;
  const steps: Step[] = [];
  for (const client of [1, 0]) {
    steps.push(
      ...only(
        client,
        random.some(50, () => random.times(4, () => commands.next())),
      ),
    );
    // A watch that begins after the expiry does not see it.
    steps.push(
      ...only(
        client,
        random.some(30, () => [['WATCH', commands.key()]]),
      ),
    );
    steps.push(...only(client, [['MULTI'], ...random.times(6, () => commands.next()), ['EXEC']]));
  }
  steps.push(
    ...only(
      0,
      random.times(30, () => commands.next()),
    ),
  );
  return steps;
}

/** Commands that may run in a script. */
function scriptable(commands: RandomCommands): string[][] {
  return commands.random
    .times(5, () => commands.next())
    .filter((args) => !args.some((arg) => /^(BLOCK|B(L|R|Z).*POP.*|BLMOVE)$/i.test(arg)));
}

function filledStream(commands: RandomCommands): Step[] {
  const key = commands.key('stream');
  return only(
    0,
    commands.random.times(FILL_ENTRIES, () => addCommand(commands, key)),
  );
}

/** A stream with a group that reads it. */
function consumerSession(commands: RandomCommands): string[][] {
  const { random } = commands;
  const key = random.chance(80) ? 'stream:1' : commands.key('stream');
  return [
    ...random.some(80, () => [['DEL', key]]),
    ['XGROUP', 'CREATE', key, 'g', '0', 'MKSTREAM'],
    ...random.times(150, () =>
      random.chance(30) ? addCommand(commands, key) : streamCommand(commands, key),
    ),
  ];
}
