// A deterministic model of redis-server 7.0.15 as a replicator and its clients see it: replies, and the bytes that
// the engine appends to its replication stream. Everything is synchronous; time is an argument, and the only freedom
// an engine has (which members SPOP takes) comes from a seed.
//
// A command collects effects: what it wants propagated. When the outermost command ends, its effects go to
// the stream as one unit, in MULTI/EXEC if they are more than one. That single rule gives transactions, scripts, SPOP
// with a count, and a write that first expires its key. test/e2e/model-engine.test.ts holds it against the real engine.
//
// Not modelled: other databases, geo, eviction, RESP3, ACLs. Nobody waits: a command that would block answers that nothing
// came.
// Sets and hashes are listed in order of insertion. Expiries beyond 2^53 ms are rounded. The payload of DUMP is the model's own.

import { createHash } from 'node:crypto';
import { at, type CommandRun, type CommandTable } from './command-table.ts';
import { dataCommands } from './data-commands.ts';
import { expireDueFields } from './field-expiries.ts';
import { Keyspace, NEVER } from './keyspace.ts';
import { ModelClient } from './model-client.ts';
import { indexArgument } from './numbers.ts';
import { commandsIn, ReplicationStream } from './replication-stream.ts';
import {
  array,
  bulk,
  EMPTY,
  integer,
  type ModelReply,
  NULL_ARRAY,
  OK,
  QUEUED,
  Refusal,
  wrongArity,
  ZERO,
} from './reply.ts';
import type { ChooseMembers } from './sets.ts';
import type { IdClock } from './streams/entry-commands.ts';
import { canonicalContent } from './value.ts';

/** One key's content, independent of the order in which it came about. */
export interface KeyContent {
  readonly key: string;
  readonly type: string;
  readonly content: readonly string[];
  readonly expiresAtMs: number | null;
}

/** What a script can do: run commands. */
export interface ScriptApi {
  /** redis.call: an error ends the script and is its reply. */
  call(args: readonly string[]): ModelReply;
  /** redis.pcall: an error is returned. */
  pcall(args: readonly string[]): ModelReply;
}

export type ScriptImplementation = (
  api: ScriptApi,
  keys: readonly string[],
  argv: readonly string[],
) => ModelReply;

export interface ModelEngineOptions {
  readonly seed: number;
  readonly replicationId?: string;
  /** The offset at which this engine's stream begins. */
  readonly offset?: number;
  /** Called with the bytes of each unit; without it, takeStream() has them. */
  readonly onStream?: (bytes: Buffer) => void;
  /** Called for each message published, before its bytes are on the stream. */
  readonly onPublish?: (channel: string, message: string) => void;
  /** What SPOP takes, instead of a choice by the seed. */
  readonly choose?: ChooseMembers;
  /** The milliseconds of the IDs of XADD with `*`, instead of those of the command. */
  readonly idClock?: IdClock;
  /** JSON.SET of a document that is there ends its expiry; default true. */
  readonly jsonSetEndsExpiry?: boolean;
}

type ClientRun = (client: ModelClient, args: readonly string[]) => ModelReply;
type Specification = {
  readonly name: string;
  readonly arity: number;
  readonly run: CommandRun | undefined;
  readonly runAsClient: ClientRun | undefined;
  /** Runs at once inside MULTI instead of being queued. */
  readonly immediate: boolean;
};

export class ModelEngine {
  readonly replicationId: string;
  readonly #space = new Keyspace();
  readonly #commands = new Map<string, Specification>();
  readonly #scripts = new Map<string, ScriptImplementation>();
  readonly #onPublish: ((channel: string, message: string) => void) | undefined;
  #randomState: number;
  readonly #stream: ReplicationStream;
  #isFollowing = false;

  constructor(options: ModelEngineOptions) {
    this.#onPublish = options.onPublish;
    this.#stream = new ReplicationStream(options.offset ?? 0, options.onStream);
    this.#randomState = (options.seed ^ 0x9e3779b9) >>> 0;
    this.replicationId = options.replicationId ?? options.seed.toString(16).padStart(40, '0');
    const choose = options.choose ?? ((members, count) => this.#choose(members, count));
    const idClock = options.idClock ?? ((nowMs) => nowMs);
    for (const table of [
      ...dataCommands(choose, idClock, options.jsonSetEndsExpiry ?? true),
      this.#serverCommands(),
    ]) {
      this.#addAll(table);
    }
    this.#addClientCommands();
  }

  /** Replication offset: the start plus the bytes streamed so far. */
  get offset(): number {
    return this.#stream.offset;
  }

  connect(): ModelClient {
    return new ModelClient();
  }

  /** Ends a connection: its watches and its open transaction are gone. */
  disconnect(client: ModelClient): void {
    this.#discard(client);
  }

  /** The stream's bytes since the last call. Empty when `onStream` takes them. */
  takeStream(): Buffer {
    return this.#stream.take();
  }

  /** A new replica attaches: the next write selects its database anew. */
  forgetDatabase(): void {
    this.#stream.forgetDatabase();
  }

  /** Makes EVAL and EVALSHA of this source run `implementation`. */
  registerScript(source: string, implementation: ScriptImplementation): void {
    this.#scripts.set(source, implementation);
    this.#scripts.set(createHash('sha1').update(source, 'latin1').digest('hex'), implementation);
  }

  execute(client: ModelClient, args: readonly string[], nowMs: number): ModelReply {
    this.#space.nowMs = nowMs;
    const reply = this.#process(client, args);
    this.#propagate();
    return reply;
  }

  /** As a replica does: runs what another engine streamed, from its beginning. Nothing expires by itself. */
  follow(bytes: Buffer): void {
    this.#isFollowing = true;
    const client = this.connect();
    for (const args of commandsIn(bytes)) this.execute(client, args, 0);
    this.#isFollowing = false;
    this.#stream.follow(bytes.length);
  }

  /** One run of the active expire cycle that finds every expired key. */
  activeExpire(nowMs: number): void {
    this.#space.nowMs = nowMs;
    for (const key of this.#space.expiredKeys(nowMs)) {
      this.#space.expire(key);
      this.#propagate();
    }
    for (const key of [...this.#space.keys()]) {
      if (expireDueFields(this.#space, key)) this.#propagate();
    }
  }

  /** When the next field of a hash is due; Infinity for never. */
  get nextFieldExpiryMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const key of this.#space.keys()) {
      const value = this.#space.peek(key);
      if (value?.type !== 'hash') continue;
      for (const ms of value.expiries.values()) next = Math.min(next, ms);
    }
    return next;
  }

  /** The content of all keys that have not expired, by key. */
  dump(nowMs: number): KeyContent[] {
    this.#space.nowMs = nowMs;
    const contents: KeyContent[] = [];
    for (const key of [...this.#space.keys()].sort()) {
      const value = this.#space.peek(key);
      if (value === undefined || this.#space.isExpired(key)) continue;
      const expiry = this.#space.expiryOf(key);
      contents.push({
        key,
        type: value.type,
        content: canonicalContent(value),
        expiresAtMs: expiry === NEVER ? null : expiry,
      });
    }
    return contents;
  }

  #process(client: ModelClient, args: readonly string[]): ModelReply {
    const specification = this.#specificationOf(args);
    if (specification instanceof Refusal) {
      if (client.queue !== undefined) client.spoiled = true;
      return specification.reply;
    }
    if (client.queue !== undefined && !specification.immediate) {
      if (!client.spoiled && !client.touched) client.queue.push([...args]);
      return QUEUED;
    }
    return this.#call(specification, client, args);
  }

  #specificationOf(args: readonly string[]): Specification | Refusal {
    const given = at(args, 0);
    const specification =
      this.#commands.get(given) ??
      this.#commands.get(given.toUpperCase()) ??
      this.#commands.get(`${given}|${args[1]}`.toUpperCase());
    if (specification === undefined) return unknownCommand(args);
    const { arity } = specification;
    const fits = arity < 0 ? args.length >= -arity : args.length === arity;
    return fits ? specification : wrongArity(specification.name);
  }

  #call(specification: Specification, client: ModelClient, args: readonly string[]): ModelReply {
    const space = this.#space;
    space.dirty = 0;
    space.rewritten = undefined;
    space.forced = undefined;
    let reply: ModelReply;
    try {
      if (specification.run === undefined) {
        return (specification.runAsClient as ClientRun)(client, args);
      }
      reply = specification.run(space, args);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      reply = error.reply;
    }
    if (space.forced === 'always' || (space.dirty > 0 && space.forced !== 'never')) {
      space.effects.push(space.rewritten ?? args);
    }
    return reply;
  }

  /** Ends the unit under way: its effects go to the stream. */
  #propagate(): void {
    const { effects } = this.#space;
    if (effects.length === 0) return;
    this.#space.effects = [];
    if (!this.#isFollowing) this.#stream.append(effects);
  }

  #addAll(table: CommandTable): void {
    for (const [name, [arity, run]] of Object.entries(table)) {
      const specification = { name, arity, run, runAsClient: undefined, immediate: false };
      this.#commands.set(name, specification);
    }
  }

  #serverCommands(): CommandTable {
    return {
      PING: [-1, (_, args) => (args.length > 1 ? bulk(at(args, 1)) : PONG)],
      ECHO: [2, (_, args) => bulk(at(args, 1))],
      PUBLISH: [3, (space, args) => this.#publish(space, args)],
      SPUBLISH: [3, (space, args) => this.#publish(space, args)],
      ROLE: [1, () => array([bulk('master'), integer(this.#stream.offset), EMPTY])],
      FLUSHALL: [-1, flush],
      FLUSHDB: [-1, flush],
    };
  }

  #publish(space: Keyspace, args: readonly string[]): ModelReply {
    this.#onPublish?.(at(args, 1), at(args, 2));
    space.forced = 'always';
    return ZERO;
  }

  #addClientCommands(): void {
    const add = (name: string, arity: number, runAsClient: ClientRun, immediate = true) => {
      this.#commands.set(name, { name, arity, run: undefined, runAsClient, immediate });
    };
    add('MULTI', 1, (client) => this.#multi(client));
    add('EXEC', 1, (client) => this.#exec(client));
    add('DISCARD', 1, (client) => {
      if (client.queue === undefined) throw new Refusal('ERR DISCARD without MULTI');
      this.#discard(client);
      return OK;
    });
    add('WATCH', -2, (client, args) => this.#watch(client, args));
    const unwatch: ClientRun = (client) => {
      this.#space.unwatch(client);
      client.touched = false;
      return OK;
    };
    add('UNWATCH', 1, unwatch, false);
    const evaluate: ClientRun = (client, args) => this.#evaluate(client, args);
    for (const name of ['EVAL', 'EVALSHA', 'EVAL_RO', 'EVALSHA_RO']) {
      add(name, -3, evaluate, false);
    }
  }

  #multi(client: ModelClient): ModelReply {
    if (client.queue !== undefined) throw new Refusal('ERR MULTI calls can not be nested');
    client.queue = [];
    return OK;
  }

  #exec(client: ModelClient): ModelReply {
    const { queue, spoiled } = client;
    if (queue === undefined) throw new Refusal('ERR EXEC without MULTI');
    const refused = client.touched || this.#space.watchedExpired(client);
    // The transaction's own writes must not count against its watches.
    this.#discard(client);
    if (spoiled) {
      throw new Refusal('EXECABORT Transaction discarded because of previous errors.');
    }
    if (refused) return NULL_ARRAY;
    return array(
      queue.map((args) => this.#call(this.#specificationOf(args) as Specification, client, args)),
    );
  }

  #discard(client: ModelClient): void {
    client.queue = undefined;
    client.spoiled = false;
    client.touched = false;
    this.#space.unwatch(client);
  }

  #watch(client: ModelClient, args: readonly string[]): ModelReply {
    if (client.queue !== undefined) throw new Refusal('ERR WATCH inside MULTI is not allowed');
    if (!client.touched) {
      for (let i = 1; i < args.length; i++) this.#space.watch(client, at(args, i));
    }
    return OK;
  }

  #evaluate(client: ModelClient, args: readonly string[]): ModelReply {
    const implementation = this.#scripts.get(at(args, 1));
    if (implementation === undefined) {
      throw new Refusal('NOSCRIPT No matching script. Please use EVAL.');
    }
    const keyCount = indexArgument(at(args, 2));
    const pcall = (command: readonly string[]) => {
      const specification = this.#specificationOf(command);
      if (specification instanceof Refusal) return specification.reply;
      return this.#call(specification, client, command);
    };
    const call = (command: readonly string[]) => {
      const reply = pcall(command);
      if (reply.kind === 'error') throw new Refusal(reply.text);
      return reply;
    };
    return implementation({ call, pcall }, args.slice(3, 3 + keyCount), args.slice(3 + keyCount));
  }

  /** Xorshift: the same seed and history, the same choice. */
  #choose(members: ReadonlySet<string>, count: number): string[] {
    const left = [...members].sort();
    const chosen: string[] = [];
    for (let i = 0; i < count; i++) {
      let x = this.#randomState || 1;
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      this.#randomState = x >>> 0;
      chosen.push(...left.splice(this.#randomState % left.length, 1));
    }
    return chosen;
  }
}

/** Commands that are called by the name of a subcommand. */
const CONTAINERS = ['XGROUP', 'XINFO'];

function unknownCommand(args: readonly string[]): Refusal {
  const [given = '', subcommand] = args;
  const name = given.toUpperCase();
  if (!CONTAINERS.includes(name)) {
    const rest = args.slice(1).map((arg) => `'${arg}' `);
    return new Refusal(
      `ERR unknown command '${given}', with args beginning with: ${rest.join('')}`,
    );
  }
  if (subcommand === undefined) return wrongArity(name);
  return new Refusal(`ERR unknown subcommand '${subcommand}'. Try ${name} HELP.`);
}

const PONG: ModelReply = { kind: 'simple', text: 'PONG' };

function flush(space: Keyspace): ModelReply {
  space.clear();
  space.forced = 'always';
  return OK;
}
