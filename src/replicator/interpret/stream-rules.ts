// Stream commands as ops with exact effects. IDs are in the stream as they were given; what a MAXLEN cut off, up to
// where a group has acknowledged and what `$` stood for are not, and are read. Deliveries are local.

import { OpFlag, OpKind } from '../../model/op.ts';
import type { Command } from '../../resp/command.ts';
import type { OpSink } from './sink.ts';

type Rule = (command: Command) => void;

/** MAXLEN or MINID, and what is given for it. */
export interface Cut {
  readonly by: 'MAXLEN' | 'MINID';
  readonly threshold: string;
}

export interface StreamEvents {
  /** A stream was cut, unless it is known that it has not more. True: how far is shipped in a moment. `adds`: the
   * command adds an entry first, which was not noted yet. */
  isCut(key: string, cut: Cut, adds: boolean): boolean;
  /** Something was acknowledged in a group: up to where that is everything is shipped in a moment. */
  acknowledged(key: string, group: string): void;
  /** A group was destroyed. */
  forgetGroup(key: string, group: string): void;
  /** The last ID was assigned, and others can only follow that by the whole stream: an entry that is not stable, even
   * if it was deleted, stands behind it, so IDs can be used again; or the stream is still to be shipped. */
  needsWhole(key: string, id: string): boolean;
}

/** The rules, by name of the command in upper case. */
export function streamRules(sink: OpSink): Map<string, Rule> {
  return new Map<string, Rule>([
    ['XADD', (c) => add(sink, c)],
    ['XDEL', (c) => sink.verbatim(OpKind.xdel, c, 1)],
    ['XTRIM', (c) => trim(sink, c)],
    ['XSETID', (c) => setId(sink, c)],
    ['XGROUP', (c) => group(sink, c)],
    ['XACK', (c) => sink.streams.acknowledged(c.arg(1), c.arg(2))],
    // Who was given what.
    ['XCLAIM', () => {}],
  ]);
}

/** Options of XADD besides those that cut, and how many arguments each takes up. They say what becomes of the command
 * and of deliveries where it runs. Those behind the first are of Redis 8.2 and newer. */
const LOCAL_OPTIONS: Readonly<Record<string, number>> = {
  NOMKSTREAM: 1,
  KEEPREF: 1,
  DELREF: 1,
  ACKED: 1,
  IDMPAUTO: 2,
  IDMP: 3,
  LIMIT: 2,
};

/** What an XADD in the stream has for its ID: 5 is 5-0. */
const GIVEN_ID = /^\d+(-\d+)?$/;

/** Reads the options of XADD and XTRIM from argument `at` on. */
function optionsOf(command: Command, at: number): { cut: Cut | undefined; end: number } {
  let cut: Cut | undefined;
  let i = at;
  while (i < command.argc) {
    const option = command.arg(i).toUpperCase();
    const length = LOCAL_OPTIONS[option];
    if (length !== undefined) {
      i += length;
    } else if (option === 'MAXLEN' || option === 'MINID') {
      const sign = command.arg(i + 1);
      i += sign === '=' || sign === '~' ? 3 : 2;
      cut = { by: option, threshold: command.arg(i - 1) };
    } else {
      break;
    }
  }
  return { cut, end: i };
}

function add(sink: OpSink, command: Command): void {
  const { cut, end } = optionsOf(command, 2);
  if (!GIVEN_ID.test(command.arg(end))) {
    // An option that is not known here.
    sink.readWhole(command.arg(1));
    return;
  }
  if (end === 2) {
    sink.verbatim(OpKind.xadd, command, 1);
    return;
  }
  const args = ['XADD', command.arg(1)];
  for (let i = end; i < command.argc; i++) args.push(command.arg(i));
  const cuts = cut !== undefined && sink.streams.isCut(command.arg(1), cut, true);
  sink.rewritten(OpKind.xadd, args, cuts ? OpFlag.cuts : 0);
}

function trim(sink: OpSink, command: Command): void {
  const key = command.arg(1);
  const { cut } = optionsOf(command, 2);
  // Nothing by itself: it says that more is to come, should this replicator end before. The engine can cut less
  // than MINID says (resolve/stream-scripts.ts), so that is read too.
  if (cut === undefined || !sink.streams.isCut(key, cut, false)) return;
  sink.rewritten(OpKind.xtrim, ['XTRIM', key, 'MINID', '=', '0-0'], OpFlag.cuts);
}

function setId(sink: OpSink, command: Command): void {
  if (sink.streams.needsWhole(command.arg(1), command.arg(2))) sink.readWhole(command.arg(1));
  else sink.verbatim(OpKind.xsetid, command, 1);
}

function group(sink: OpSink, command: Command): void {
  const [sub, key] = [command.arg(1).toUpperCase(), command.arg(2)];
  if (sub === 'DESTROY') {
    sink.verbatim(OpKind.xgroupDestroy, command, 2);
    sink.streams.forgetGroup(key, command.arg(3));
  } else if (sub === 'CREATE' && command.arg(4) !== '$') {
    sink.verbatim(OpKind.xgroupCreate, command, 2);
  } else if (sub === 'CREATE') {
    let makesStream = false;
    for (let i = 5; i < command.argc; i++) {
      if (command.arg(i).toUpperCase() === 'MKSTREAM') makesStream = true;
    }
    sink.groupCreated(key, command.arg(3), makesStream);
  }
}
