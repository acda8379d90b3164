// From commands of the replication stream to ops with exact effects (what the engine propagates for each
// command is listed in docs/semantics.md).
//
// Most commands are their own op, byte for byte. Flags that were decided at the origin (NX, XX, GT, LT)
// are dropped: elsewhere they might be decided differently. Where the effect is not in the command,
// a shadow knows it, or the engine is asked.

import { isDecimal } from '../../model/decimal.ts';
import { isHyperLogLog } from '../../model/hyperloglog.ts';
import { incrementBetween } from '../../model/long-double.ts';
import { OpFlag, OpKind } from '../../model/op.ts';
import type { Command } from '../../resp/command.ts';
import { fieldExpiryRules } from './field-expiry-rules.ts';
import { hyperLogLogRules, mayBeHyperLogLog } from './hyperloglog-rules.ts';
import { jsonRules } from './json-rules.ts';
import { libraryRule } from './library-rules.ts';
import { listRules } from './list-rules.ts';
import { searchRules } from './search-rules.ts';
import { addedMembers, addFlags, removedMembers, type Shadows } from './shadows.ts';
import type { OpSink } from './sink.ts';
import { streamRules } from './stream-rules.ts';

/** Where a command's keys are: as the engine's COMMAND answers. */
export interface KeyPositions {
  readonly first: number;
  /** Negative counts from the end. */
  readonly last: number;
  readonly step: number;
}

/** What depends on the engine, or on what was agreed for all of them. */
export interface EngineTraits {
  /** Libraries of functions are the same in all regions. */
  readonly replicatesFunctions?: boolean;
  /** JSON.SET of a whole document ends its expiry. */
  readonly jsonSetEndsExpiry?: (() => boolean) | undefined;
}

type Handler = (command: Command) => void;

export class Interpreter {
  readonly #sink: OpSink;
  readonly #shadows: Shadows;
  readonly #keyPositions: (name: string) => KeyPositions | undefined;
  readonly #traits: EngineTraits;
  readonly #handlers: Map<string, Handler>;
  /** Commands whose rules keep the shadows true themselves, before and after. */
  readonly #shadowReaders = new Set(['SET', 'ZADD', ...REMOVING_COMMANDS]);

  /** `keyPositions` answers for commands that have no rule here, by lower-case name. */
  constructor(
    sink: OpSink,
    shadows: Shadows,
    keyPositions: (name: string) => KeyPositions | undefined,
    traits: EngineTraits = {},
  ) {
    this.#sink = sink;
    this.#shadows = shadows;
    this.#keyPositions = keyPositions;
    this.#traits = traits;
    this.#handlers = this.#rules();
    if (traits.replicatesFunctions === true) this.#handlers.set('FUNCTION', libraryRule(sink));
  }

  /** The names of the commands that have a rule here, in upper case. */
  get ruledCommands(): Iterable<string> {
    return this.#handlers.keys();
  }

  /** Interprets one effective command. `name` is in upper case. */
  interpret(name: string, command: Command): void {
    const handler = this.#handlers.get(name);
    if (handler !== undefined) handler(command);
    else this.#unknown(name, command);
    // Behind the rule: it is the value before the command that it may want to know.
    if (this.#shadows.isEmpty) return;
    if (!this.#shadowReaders.has(name)) this.#shadows.follow(name, command);
    else if (name !== 'SET') this.#shadows.dropFloats(command);
  }

  #rules(): Map<string, Handler> {
    const rules = new Map<string, Handler>();
    const verbatim: [OpKind, string[]][] = [
      [OpKind.incr, ['INCR', 'DECR', 'INCRBY', 'DECRBY']],
      [OpKind.incrFloat, ['INCRBYFLOAT']],
      [OpKind.hset, ['HSET', 'HMSET']],
      [OpKind.hincr, ['HINCRBY']],
      [OpKind.hdel, ['HDEL']],
      [OpKind.sadd, ['SADD']],
      [OpKind.srem, ['SREM']],
      [OpKind.zincr, ['ZINCRBY']],
      [OpKind.zrem, ['ZREM']],
      [OpKind.expire, ['PERSIST']],
    ];
    for (const [kind, names] of verbatim) {
      for (const name of names) rules.set(name, (c) => this.#sink.verbatim(kind, c, 1));
    }
    for (const [name, rule] of streamRules(this.#sink)) rules.set(name, rule);
    for (const name of IGNORED_COMMANDS) rules.set(name, () => {});
    for (const name of UNREPLICABLE_COMMANDS) rules.set(name, () => this.#sink.unreplicable(name));
    for (const name of ['PUBLISH', 'SPUBLISH']) rules.set(name, (c) => this.#sink.message(c));
    for (const name of ['DEL', 'UNLINK']) rules.set(name, (c) => this.remove(c));
    rules.set('SET', (c) => this.#set(c));
    for (const name of ['SETNX', 'GETSET']) {
      rules.set(name, (c) => this.#assign(['SET', c.arg(1), c.arg(2)]));
    }
    for (const name of ['MSET', 'MSETNX']) rules.set(name, (c) => this.#setMany(c));
    rules.set('MSETEX', (c) => this.#setManyExpiring(c));
    rules.set('PEXPIREAT', (c) => this.#expire(c));
    rules.set('HSETNX', (c) =>
      this.#sink.rewritten(OpKind.hset, ['HSET', c.arg(1), c.arg(2), c.arg(3)]),
    );
    rules.set('SMOVE', (c) => {
      this.#sink.rewritten(OpKind.srem, ['SREM', c.arg(1), c.arg(3)]);
      this.#sink.rewritten(OpKind.sadd, ['SADD', c.arg(2), c.arg(3)]);
    });
    rules.set('ZADD', (c) => this.#add(c));
    for (const name of REMOVING_COMMANDS) rules.set(name, (c) => this.#removeMembers(name, c));
    this.#addWholeValueRules(rules);
    return rules;
  }

  #addWholeValueRules(rules: Map<string, Handler>): void {
    for (const name of ['RENAME', 'RENAMENX']) {
      rules.set(name, (c) => {
        this.#sink.rewritten(OpKind.del, this.#removal(c.arg(1)), OpFlag.makesWay);
        this.#sink.readWhole(c.arg(2));
      });
    }
    for (const name of ['COPY', 'BITOP']) rules.set(name, (c) => this.#sink.readWhole(c.arg(2)));
    for (const name of WHOLE_VALUE_COMMANDS) {
      rules.set(name, (c) => this.#sink.readWhole(c.arg(1)));
    }
    for (const [name, rule] of listRules(this.#sink, this.#shadows)) {
      rules.set(name, (c) => rule(name, c));
      this.#shadowReaders.add(name);
    }
    for (const [name, rule] of searchRules(this.#sink)) rules.set(name, rule);
    for (const [name, rule] of fieldExpiryRules(this.#sink)) rules.set(name, rule);
    const setEndsExpiry = () => this.#traits.jsonSetEndsExpiry?.() === true;
    const json = jsonRules(this.#sink, this.#shadows, setEndsExpiry);
    for (const [name, rule] of json) rules.set(name, rule);
    for (const [name, rule] of hyperLogLogRules(this.#sink, this.#shadows)) rules.set(name, rule);
    for (const name of ['SORT', 'GEORADIUS', 'GEORADIUSBYMEMBER']) {
      rules.set(name, (c) => this.#store(c));
    }
  }

  /** DEL and UNLINK. */
  remove(command: Command): void {
    if (command.argc === 2 && this.#shadows.list(command.arg(1)) === undefined) {
      this.#sink.verbatim(OpKind.del, command, 1);
      return;
    }
    for (let i = 1; i < command.argc; i++) {
      this.#sink.rewritten(OpKind.del, this.#removal(command.arg(i)));
    }
  }

  /** Of a list it is said how long it was: concurrent ops speak of its places. */
  #removal(key: string): string[] {
    const length = this.#shadows.list(key)?.length ?? 0;
    return length > 0 ? ['DEL', key, String(length)] : ['DEL', key];
  }

  #set(command: Command): void {
    const before = this.#shadows.isEmpty ? undefined : this.#shadows.float(command.arg(1));
    if (!this.#shadows.isEmpty) this.#shadows.follow('SET', command);
    if (command.argc === 3 && !mayBeHyperLogLog(command)) {
      this.#sink.verbatim(OpKind.set, command, 1);
      return;
    }
    const args = ['SET', command.arg(1), command.arg(2)];
    let keepsTtl = false;
    for (let i = 3; i < command.argc; i++) {
      const option = command.arg(i).toUpperCase();
      if (option === 'KEEPTTL') keepsTtl = true;
      else if (option === 'PXAT') args.push('PXAT', command.arg(++i));
    }
    if (keepsTtl) this.#setKeepingTtl(args, before);
    else this.#assign(args);
  }

  /** The engine propagates INCRBYFLOAT so: with the value before it, it is an increment again. */
  #setKeepingTtl(args: string[], before: string | undefined): void {
    const [, key, value] = args as [string, string, string];
    if (isDecimal(value)) this.#shadows.keepFloat(key, value);
    const delta = before === undefined ? undefined : incrementBetween(before, value);
    if (delta === undefined) this.#assign([...args, 'KEEPTTL']);
    else this.#sink.rewritten(OpKind.incrFloat, ['INCRBYFLOAT', key, delta]);
  }

  #setMany(command: Command): void {
    for (let i = 1; i + 1 < command.argc; i += 2) {
      this.#assign(['SET', command.arg(i), command.arg(i + 1)]);
    }
  }

  /** MSETEX n key value ... [NX | XX] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]. Where the time counts from
   * now, only the engine knows when that was. */
  #setManyExpiring(command: Command): void {
    const end = 2 + 2 * Number(command.arg(1));
    const expiry: string[] = [];
    let isRelative = false;
    for (let i = end; i < command.argc; i++) {
      const option = command.arg(i).toUpperCase();
      if (option === 'KEEPTTL') expiry.push(option);
      else if (option === 'PXAT') expiry.push(option, command.arg(++i));
      else if (option === 'EXAT') expiry.push('PXAT', String(Number(command.arg(++i)) * 1000));
      else if (option === 'EX' || option === 'PX') isRelative = true;
    }
    for (let i = 2; i < end; i += 2) {
      if (isRelative) this.#sink.readWhole(command.arg(i));
      else this.#assign(['SET', command.arg(i), command.arg(i + 1), ...expiry]);
    }
  }

  /** A HyperLogLog that comes as a string is one all the same: it is shipped as what it is. */
  #assign(args: readonly string[]): void {
    const [, key, value] = args as [string, string, string];
    if (isHyperLogLog(value)) this.#sink.readWhole(key);
    else this.#sink.rewritten(OpKind.set, args);
  }

  #expire(command: Command): void {
    if (command.argc === 3) this.#sink.verbatim(OpKind.expire, command, 1);
    else this.#sink.rewritten(OpKind.expire, ['PEXPIREAT', command.arg(1), command.arg(2)]);
  }

  #add(command: Command): void {
    const key = command.arg(1);
    const { flags, first } = addFlags(command);
    const shadow = this.#shadows.sortedSet(key);
    if (flags.size === 0) {
      if (shadow !== undefined) addedMembers(shadow, command);
      this.#sink.verbatim(OpKind.zadd, command, 1);
      return;
    }
    const single = command.argc === first + 2;
    const changed = shadow === undefined ? undefined : addedMembers(shadow, command);
    if (flags.has('INCR')) {
      const [delta, member] = [command.arg(first), command.arg(first + 1)];
      this.#sink.rewritten(OpKind.zincr, ['ZINCRBY', key, delta, member]);
    } else if (single || (flags.size === 1 && flags.has('CH'))) {
      // It was propagated, so a lone member did change.
      const pairs: string[] = [];
      for (let i = first; i < command.argc; i++) pairs.push(command.arg(i));
      this.#sink.rewritten(OpKind.zadd, ['ZADD', key, ...pairs]);
    } else if (changed !== undefined) {
      const pairs = changed.flatMap(([member]) => [
        this.#givenScore(command, first, member),
        member,
      ]);
      if (pairs.length > 0) this.#sink.rewritten(OpKind.zadd, ['ZADD', key, ...pairs]);
    } else {
      const members: string[] = [];
      for (let i = first; i + 1 < command.argc; i += 2) members.push(command.arg(i + 1));
      this.#sink.readScores(key, members);
    }
  }

  /** The score as it was written; the last one when a member is named twice. */
  #givenScore(command: Command, first: number, member: string): string {
    let text = '0';
    for (let i = first; i + 1 < command.argc; i += 2) {
      if (command.arg(i + 1) === member) text = command.arg(i);
    }
    return text;
  }

  #removeMembers(name: string, command: Command): void {
    const key = command.arg(1);
    const shadow = this.#shadows.sortedSet(key);
    const members = shadow === undefined ? undefined : removedMembers(name, shadow, command);
    if (shadow === undefined || members === undefined) {
      this.#sink.readMembers(key);
      return;
    }
    for (const member of members) shadow.delete(member);
    if (members.length > 0) this.#sink.rewritten(OpKind.zrem, ['ZREM', key, ...members]);
  }

  /** SORT and GEORADIUS are writes only with a destination. */
  #store(command: Command): void {
    for (let i = 2; i + 1 < command.argc; i++) {
      const option = command.arg(i).toUpperCase();
      if (option === 'STORE' || option === 'STOREDIST') this.#sink.readWhole(command.arg(i + 1));
    }
  }

  #unknown(name: string, command: Command): void {
    // Search modules propagate commands under names that only they use: with an underscore in front.
    if (name.startsWith('_FT.')) {
      this.interpret(name.slice(1), command);
      return;
    }
    this.#sink.unknownCommand(name);
    const positions = this.#keyPositions(name.toLowerCase());
    if (positions === undefined || positions.first === 0) {
      if (command.argc > 1) this.#sink.readWhole(command.arg(1));
      return;
    }
    const last = positions.last < 0 ? command.argc + positions.last : positions.last;
    if (last === positions.first) {
      this.#sink.verbatim(OpKind.opaque, command, positions.first);
      return;
    }
    for (let i = positions.first; i <= last && i < command.argc; i += Math.max(1, positions.step)) {
      this.#sink.readWhole(command.arg(i));
    }
  }
}

const REMOVING_COMMANDS = [
  'ZPOPMIN',
  'ZPOPMAX',
  'ZREMRANGEBYSCORE',
  'ZREMRANGEBYRANK',
  'ZREMRANGEBYLEX',
];

/** The value of their first argument is what they computed. */
const WHOLE_VALUE_COMMANDS = [
  'SUNIONSTORE',
  'SINTERSTORE',
  'SDIFFSTORE',
  'ZUNIONSTORE',
  'ZINTERSTORE',
  'ZDIFFSTORE',
  'ZRANGESTORE',
  'GEOSEARCHSTORE',
  'RESTORE',
  'RESTORE-ASKING',
];

/** On the stream, but not a write that other regions need. */
const IGNORED_COMMANDS = ['PING', 'SELECT', 'REPLCONF', 'PFCOUNT', 'FUNCTION', 'SCRIPT'];

const UNREPLICABLE_COMMANDS = ['FLUSHALL', 'FLUSHDB', 'SWAPDB', 'MOVE'];
