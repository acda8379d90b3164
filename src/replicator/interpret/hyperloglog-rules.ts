// Commands that write to a HyperLogLog, and those that take one for a plain string. Its bytes are not the same in
// all regions, only its registers are: what a string command makes of them is read and shipped whole.

import { OpKind } from '../../model/op.ts';
import type { Command } from '../../resp/command.ts';
import type { Shadows } from './shadows.ts';
import type { OpSink } from './sink.ts';

type Rule = (command: Command) => void;

/** The rules, by name of the command in upper case. */
export function hyperLogLogRules(sink: OpSink, shadows: Shadows): Map<string, Rule> {
  const rules = new Map<string, Rule>();
  rules.set('PFADD', (command) => {
    sink.verbatim(OpKind.pfadd, command, 1);
    shadows.keepHyperLogLog(command.arg(1));
  });
  rules.set('PFMERGE', (command) => {
    sink.readUnion(command.arg(1));
    shadows.keepHyperLogLog(command.arg(1));
  });
  for (const [name, kind] of STRING_EDITS) {
    rules.set(name, (command) => {
      const key = command.arg(1);
      if (shadows.isHyperLogLog(key)) sink.readWhole(key);
      else sink.verbatim(kind, command, 1);
    });
  }
  return rules;
}

/** Commands that change part of a string. */
const STRING_EDITS: readonly [string, OpKind][] = [
  ['APPEND', OpKind.opaque],
  ['SETRANGE', OpKind.opaque],
  ['SETBIT', OpKind.setbit],
  ['BITFIELD', OpKind.opaque],
];

const LETTER_H = 72;
const LETTER_Y = 89;

/** A quick look at the value of a SET. */
export function mayBeHyperLogLog(command: Command): boolean {
  const at = command.argStart[2] as number;
  return command.buffer[at] === LETTER_H && command.buffer[at + 1] === LETTER_Y;
}
