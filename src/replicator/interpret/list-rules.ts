// List commands as ops with exact effects. Counts and places depend on the list, which the stream does not
// tell: the shadow does, for lists that are followed. For others a count is shipped as it was given, and
// where values matter the whole list; the list is followed from then on.

import { OpFlag, OpKind } from '../../model/op.ts';
import type { Command } from '../../resp/command.ts';
import { trimmed } from '../live/lists/list-op.ts';
import { argsFrom, followList, pivotPlace, popCount } from './list-shadow.ts';
import type { Shadows } from './shadows.ts';
import type { OpSink } from './sink.ts';

type Rule = (name: string, command: Command) => void;

/** The rules, by name of the command in upper case. */
export function listRules(sink: OpSink, shadows: Shadows): Map<string, Rule> {
  const rules = new ListRules(sink, shadows);
  return new Map<string, Rule>([
    ['RPUSH', (n, c) => rules.push(n, c, OpKind.rpush)],
    ['RPUSHX', (n, c) => rules.push(n, c, OpKind.rpush)],
    ['LPUSH', (n, c) => rules.push(n, c, OpKind.lpush)],
    ['LPUSHX', (n, c) => rules.push(n, c, OpKind.lpush)],
    ['LPOP', (n, c) => rules.pop(n, c, OpKind.lpop)],
    ['RPOP', (n, c) => rules.pop(n, c, OpKind.rpop)],
    ['LTRIM', (n, c) => rules.trim(n, c)],
    ['LSET', (n, c) => rules.assign(n, c)],
    ['LREM', (n, c) => rules.remove(n, c)],
    ['LINSERT', (n, c) => rules.insert(n, c)],
    ['LMOVE', (_, c) => rules.move(c, sideOf(c.arg(3)), sideOf(c.arg(4)))],
    ['RPOPLPUSH', (_, c) => rules.move(c, 'tail', 'head')],
  ]);
}

function sideOf(text: string): 'head' | 'tail' {
  return text.toUpperCase() === 'LEFT' ? 'head' : 'tail';
}

class ListRules {
  readonly #sink: OpSink;
  readonly #shadows: Shadows;

  constructor(sink: OpSink, shadows: Shadows) {
    this.#sink = sink;
    this.#shadows = shadows;
  }

  push(name: string, command: Command, kind: OpKind): void {
    this.#follow(name, command);
    const end = kind === OpKind.rpush ? 'RPUSH' : 'LPUSH';
    if (name === end) this.#sink.verbatim(kind, command, 1);
    else this.#sink.rewritten(kind, [end, command.arg(1), ...argsFrom(command, 2)]);
  }

  pop(name: string, command: Command, kind: OpKind): void {
    const key = command.arg(1);
    const count = popCount(command);
    const length = this.#shadows.list(key)?.length;
    this.#follow(name, command);
    const isExact = count === 1 || (length !== undefined && count <= length);
    if (isExact) this.#sink.verbatim(kind, command, 1);
    else if (length === undefined) this.#sink.verbatim(kind, command, 1, OpFlag.asGiven);
    else if (length > 0) this.#sink.rewritten(kind, [name, key, String(length)]);
  }

  trim(name: string, command: Command): void {
    const key = command.arg(1);
    const length = this.#shadows.list(key)?.length;
    this.#follow(name, command);
    if (length === undefined) {
      this.#sink.verbatim(OpKind.ltrim, command, 1, OpFlag.asGiven);
      return;
    }
    const { head, tail } = trimmed(length, Number(command.arg(2)), Number(command.arg(3)));
    if (head + tail === 0) return;
    this.#sink.rewritten(OpKind.ltrim, ['LTRIM', key, String(head), String(-1 - tail)]);
  }

  assign(name: string, command: Command): void {
    this.#follow(name, command);
    this.#sink.verbatim(OpKind.lset, command, 1);
  }

  remove(name: string, command: Command): void {
    const key = command.arg(1);
    const shadow = this.#shadows.list(key);
    const places = shadow?.placesEqual(Number(command.arg(2)), command.arg(3));
    if (places === undefined) {
      this.#sink.readWhole(key);
      return;
    }
    this.#follow(name, command);
    if (places.length === 0) return;
    this.#sink.rewritten(OpKind.lremAt, ['LREMAT', key, ...places.map(String)]);
  }

  insert(name: string, command: Command): void {
    const key = command.arg(1);
    const shadow = this.#shadows.list(key);
    const at = shadow === undefined ? undefined : pivotPlace(shadow, command);
    if (at === undefined) {
      this.#sink.readWhole(key);
      return;
    }
    this.#follow(name, command);
    const side = command.arg(2).toUpperCase();
    this.#sink.rewritten(OpKind.linsertAt, ['LINSERTAT', key, side, String(at), command.arg(4)]);
  }

  /** A pop here and a push there. The value is not in the stream. */
  move(command: Command, from: 'head' | 'tail', to: 'head' | 'tail'): void {
    const [source, target] = [command.arg(1), command.arg(2)];
    const shadow = this.#shadows.list(source);
    const value = shadow?.valueAt(from);
    if (value === undefined && source === target) {
      this.#sink.readWhole(source);
      return;
    }
    // It changes nothing; but popped elsewhere, the key would be gone for a moment, and its expiry for good.
    if (source === target && shadow?.length === 1) return;
    shadow?.trim(from === 'head' ? 1 : 0, from === 'head' ? 0 : 1);
    const [popKind, pop] = from === 'head' ? [OpKind.lpop, 'LPOP'] : [OpKind.rpop, 'RPOP'];
    this.#sink.rewritten(popKind, [pop, source]);
    this.#noteUnknown(source);
    if (value === undefined) {
      this.#sink.readWhole(target);
      return;
    }
    this.#shadows.list(target)?.push([value], to);
    const [pushKind, push] = to === 'head' ? [OpKind.lpush, 'LPUSH'] : [OpKind.rpush, 'RPUSH'];
    this.#sink.rewritten(pushKind, [push, target, value]);
    this.#noteUnknown(target);
  }

  #follow(name: string, command: Command): void {
    const key = command.arg(1);
    const shadow = this.#shadows.list(key);
    if (shadow !== undefined && !followList(name, shadow, command)) this.#shadows.drop(key);
    this.#noteUnknown(key);
  }

  /** From now on the list is to be followed. */
  #noteUnknown(key: string): void {
    if (this.#shadows.list(key) === undefined) this.#sink.followList(key);
  }
}
