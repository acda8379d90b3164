// Commands on the expiries of fields of a hash. What the engine propagates names only the fields that were
// really changed. An HSETEX that keeps the expiries is no HSET, which would end them: its fields are read.

import { OpKind } from '../../model/op.ts';
import type { Command } from '../../resp/command.ts';
import { argsFrom } from './list-shadow.ts';
import type { OpSink } from './sink.ts';

type Rule = (command: Command) => void;

/** The rules, by name of the command in upper case. */
export function fieldExpiryRules(sink: OpSink): Map<string, Rule> {
  return new Map<string, Rule>([
    ['HPEXPIREAT', (c) => expire(sink, c)],
    ['HPERSIST', (c) => sink.verbatim(OpKind.hexpire, c, 1)],
    ['HSETEX', (c) => setAndExpire(sink, c)],
  ]);
}

/** HPEXPIREAT key ms [NX | XX | GT | LT] FIELDS n field ... */
function expire(sink: OpSink, command: Command): void {
  if (command.arg(3).toUpperCase() === 'FIELDS') {
    sink.verbatim(OpKind.hexpire, command, 1);
    return;
  }
  const head = ['HPEXPIREAT', command.arg(1), command.arg(2)];
  sink.rewritten(OpKind.hexpire, [...head, ...argsFrom(command, 4)]);
}

/** HSETEX key [FNX | FXX] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL] FIELDS n field value ... */
function setAndExpire(sink: OpSink, command: Command): void {
  const key = command.arg(1);
  const args = argsFrom(command, 2);
  const fieldsAt = args.findIndex((arg) => arg.toUpperCase() === 'FIELDS');
  const pairs = args.slice(fieldsAt + 2);
  const names = pairs.filter((_, i) => i % 2 === 0);
  const options = args.slice(0, fieldsAt).map((arg) => arg.toUpperCase());
  const expiryMs = absoluteMs(options);
  const isRelative = options.includes('EX') || options.includes('PX');
  if (isRelative || options.includes('KEEPTTL')) {
    sink.readFields(key, names);
    return;
  }
  sink.rewritten(OpKind.hset, ['HSET', key, ...pairs]);
  if (expiryMs === undefined) return;
  const fields = ['FIELDS', String(names.length), ...names];
  sink.rewritten(OpKind.hexpire, ['HPEXPIREAT', key, expiryMs, ...fields]);
}

function absoluteMs(options: readonly string[]): string | undefined {
  const [inMs, inSeconds] = [options.indexOf('PXAT'), options.indexOf('EXAT')];
  if (inMs >= 0) return options[inMs + 1];
  return inSeconds >= 0 ? String(Number(options[inSeconds + 1]) * 1000) : undefined;
}
