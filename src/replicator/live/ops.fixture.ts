// Ops for tests: built from commands the way a replicator builds its own, framed, and decoded from the frame
// the way a peer decodes them. `sees` says what an origin has observed: whatever it has not seen is concurrent.

import { HybridClock } from '../../model/clock.ts';
import { OpFlag, OpKind } from '../../model/op.ts';
import { Replicas, type Slot, type VersionVector } from '../../model/version-vector.ts';
import { Command } from '../../resp/command.ts';
import { StreamParser } from '../../resp/stream-parser.ts';
import { decodeOps } from '../apply/inbound.ts';
import { encodeOp } from '../interpret/encode-op.ts';
import { OwnOps } from '../interpret/own-ops.ts';
import { LiveOp } from './live-op.ts';

export const START_MS = Date.UTC(2026, 0, 1);

const KINDS: Record<string, OpKind> = {
  DEL: OpKind.del,
  SET: OpKind.set,
  INCR: OpKind.incr,
  DECR: OpKind.incr,
  INCRBY: OpKind.incr,
  DECRBY: OpKind.incr,
  INCRBYFLOAT: OpKind.incrFloat,
  HSET: OpKind.hset,
  HINCRBY: OpKind.hincr,
  HDEL: OpKind.hdel,
  SADD: OpKind.sadd,
  SREM: OpKind.srem,
  ZADD: OpKind.zadd,
  ZINCRBY: OpKind.zincr,
  ZREM: OpKind.zrem,
  ZRETAIN: OpKind.zretain,
  PEXPIREAT: OpKind.expire,
  PERSIST: OpKind.expire,
  RESTORE: OpKind.restore,
  SETBIT: OpKind.setbit,
  HPEXPIREAT: OpKind.hexpire,
  HPERSIST: OpKind.hexpire,
  LIBRARIES: OpKind.libraries,
  PFADD: OpKind.pfadd,
  PFMERGE: OpKind.pfmerge,
  PUBLISH: OpKind.publish,
  SPUBLISH: OpKind.publish,
  RPUSH: OpKind.rpush,
  LPUSH: OpKind.lpush,
  LPOP: OpKind.lpop,
  RPOP: OpKind.rpop,
  LTRIM: OpKind.ltrim,
  LSET: OpKind.lset,
  LREMAT: OpKind.lremAt,
  LINSERTAT: OpKind.linsertAt,
  'FT.CREATE': OpKind.ftIndex,
  'FT.ALTER': OpKind.ftIndex,
  'FT.SYNUPDATE': OpKind.ftIndex,
  'FT.DROPINDEX': OpKind.ftIndex,
  'FT.ALIASUPDATE': OpKind.ftAlias,
  'FT.ALIASDEL': OpKind.ftAlias,
  'FT.DICTADD': OpKind.ftDictionary,
  'FT.DICTDEL': OpKind.ftDictionary,
  FTDOCUMENT: OpKind.ftDocument,
  XADD: OpKind.xadd,
  XDEL: OpKind.xdel,
  XTRIM: OpKind.xtrim,
  XTRIMBUT: OpKind.xtrim,
  XSETID: OpKind.xsetid,
  'XGROUP CREATE': OpKind.xgroupCreate,
  'XGROUP DESTROY': OpKind.xgroupDestroy,
  XDONE: OpKind.xdone,
  'JSON.SET': OpKind.json,
  'JSON.DEL': OpKind.json,
  'JSON.NUMINCRBY': OpKind.json,
  'JSON.ARRAPPEND': OpKind.json,
  'JSON.ARRINSERT': OpKind.json,
  'JSON.ARRPOP': OpKind.json,
  'JSON.ARRTRIM': OpKind.json,
  'JSON.CLEAR': OpKind.json,
  JSONADD: OpKind.json,
};

/** A command as text with single spaces, or as arguments. */
export type CommandText = string | readonly string[];

export interface WriteOptions {
  /** Wall-clock ms at the origin, since some moment; without it the clock only counts. */
  readonly at?: number;
  /** Of a DEL: the same unit writes the key anew. */
  readonly replaced?: boolean;
  /** Of a DEL: nobody said that the key is to go. */
  readonly makesWay?: boolean;
  /** Of a PEXPIREAT or PERSIST: nobody changed the expiry. */
  readonly restated?: boolean;
  /** Of an XADD: it ships an entry of a whole value. */
  readonly ofWhole?: boolean;
}

export class TestOrigin {
  readonly slot: Slot;
  readonly #replicas: Replicas;
  readonly #clock = new HybridClock();
  readonly #own: OwnOps;
  readonly #visible: VersionVector;

  constructor(replicas: Replicas, slot: Slot) {
    this.slot = slot;
    this.#replicas = replicas;
    this.#own = new OwnOps(replicas, slot, this.#clock, 0);
    this.#visible = replicas.emptyVector();
  }

  /** These ops are visible here: later writes have observed them. */
  sees(...ops: readonly LiveOp[]): this {
    for (const op of ops) {
      this.#visible[op.origin] = Math.max(this.#visible[op.origin] as number, op.seq);
      this.#clock.observe(op.timestamp);
    }
    this.#own.observe(this.#visible);
    return this;
  }

  /** From now on its clock is wrong by so much. */
  setClock(aheadMs: number): this {
    this.#clock.correctionMs = aheadMs;
    return this;
  }

  /** One write, a unit of its own. */
  write(command: CommandText, options: WriteOptions = {}): LiveOp {
    this.#add(command, options);
    return decodeFrame(this.frame([]), this.#replicas, this.slot)[0] as LiveOp;
  }

  /** A frame of these units: each a transaction, or one command. */
  frame(...units: readonly (readonly CommandText[])[]): Buffer {
    const frames = this.frames(...units);
    const [frame] = frames;
    if (frame === undefined || frames.length > 1) throw new Error('this does not make one frame');
    return frame;
  }

  /** As many frames as these units need. */
  frames(...units: readonly (readonly CommandText[])[]): Buffer[] {
    for (const unit of units) {
      for (const command of unit) this.#add(command, {});
      this.#own.endUnit();
    }
    return this.#own.take();
  }

  #add(command: CommandText, options: WriteOptions): void {
    const args = typeof command === 'string' ? command.split(' ') : command;
    const name = (args[0] ?? '').toUpperCase();
    const kind = KINDS[name === 'XGROUP' ? `XGROUP ${args[1]}` : name] ?? OpKind.opaque;
    const { raw, key, keyAt } = encodeOp(kind, args);
    const isMessage = kind === OpKind.publish;
    let flags = options.replaced === true ? OpFlag.replaced : 0;
    if (options.restated === true) flags |= OpFlag.restated;
    if (options.makesWay === true) flags |= OpFlag.makesWay;
    if (options.ofWhole === true) flags |= OpFlag.ofWhole;
    const [named, at] = isMessage ? ['', 0] : [key, keyAt];
    this.#own.add(kind, flags, named, at, raw, 0, raw.length, START_MS + (options.at ?? 0));
  }
}

/** Replicas 1 to `count` with an origin for each, in slot order. */
export function testOrigins(count = 3): TestOrigin[] {
  const replicas = testReplicas(count);
  return replicas.ids.map((_, slot) => new TestOrigin(replicas, slot));
}

export function testReplicas(count = 3): Replicas {
  return new Replicas(Array.from({ length: count }, (_, i) => i + 1));
}

/** The ops of a frame as a peer has them. */
export function decodeFrame(frame: Buffer, replicas: Replicas, slot: Slot): LiveOp[] {
  const ops: LiveOp[] = [];
  decodeOps(frame, slot, replicas, ops);
  return ops;
}

/** The same op as another member has it: no index knows it. */
export function received(op: LiveOp): LiveOp {
  const { origin, seq, timestamp, deps, kind, flags, key, buffer, rawAt, rawEnd } = op;
  return new LiveOp(origin, seq, timestamp, deps, kind, flags, key, buffer, rawAt, rawEnd);
}

/** The commands in bytes that go to an engine, each as its arguments. */
export function commandsIn(bytes: Buffer): string[][] {
  const parser = new StreamParser();
  const command = new Command();
  const commands: string[][] = [];
  parser.feed(bytes);
  while (parser.next(command)) {
    commands.push(Array.from({ length: command.argc }, (_, i) => command.arg(i)));
  }
  return commands;
}
