// The replicator's connections to its engine, as one thing that is up or down: one for applying, one for
// fenced reads. When either is lost both are opened anew, after the engine has dropped what the old ones
// may still have in its buffers.

import type { Logger } from 'pino';
import type { ApplyReply } from '../resp/apply-reply-reader.ts';
import { encodeCommand } from '../resp/encode.ts';
import type { Reply } from '../resp/reply-parser.ts';
import type { ExecuteOutcome, Probe } from './apply/applier.ts';
import { type EngineAddress, EngineConnection } from './apply/engine-connection.ts';
import type { CommandError } from './core-port.ts';
import type { EngineFacts } from './engine-facts.ts';
import { type EngineMemory, isOutOfMemory, type Raise, type Sender } from './engine-memory.ts';
import type { ReadRequest } from './interpret/reads.ts';
import type { Measurement } from './live/live-value.ts';
import { readArguments } from './read-commands.ts';

export interface EngineEvents {
  /** Fresh connections are there; nothing that was sent on old ones will still be run. */
  up(): void;
  down(reason: string): void;
  probed(offset: number, measured: readonly Measurement[]): void;
  executed(outcome: ExecuteOutcome, errors: readonly CommandError[]): void;
  readDone(replies: readonly Reply[]): void;
  readFailed(): void;
  /** Replies were handled. */
  turn(): void;
}

const NAMES = ['atoll-apply', 'atoll-read'] as const;
const RETRY_MS = 200;
/** Clients' writes are held for a millisecond or so; no longer than this, should the replicator die. */
const HOLD_MS = '200';

export class EngineAccess {
  readonly #address: EngineAddress;
  readonly #events: EngineEvents;
  readonly #logger: Logger;
  /** Whether the engine knows expiries of fields of a hash. */
  readonly #hasFieldExpiry: () => boolean;
  readonly #memory: EngineMemory;
  #apply: EngineConnection | undefined;
  #read: EngineConnection | undefined;
  #stopped = false;
  #retryTimer: NodeJS.Timeout | undefined;

  constructor(
    address: EngineAddress,
    events: EngineEvents,
    logger: Logger,
    facts: Pick<EngineFacts, 'keyPositions' | 'memory'>,
  ) {
    this.#memory = facts.memory;
    this.#hasFieldExpiry = () => facts.keyPositions('hpexpiretime') !== undefined;
    this.#address = address;
    this.#events = events;
    this.#logger = logger;
  }

  get isUp(): boolean {
    return this.#apply !== undefined && this.#read !== undefined;
  }

  /** Opens both connections. Throws OperatorError when the engine cannot be used. */
  async open(): Promise<void> {
    const [apply, read] = await Promise.all(NAMES.map((name) => this.#connect(name)));
    if (apply === undefined || read === undefined) return;
    await dropOlder(apply);
    await this.#lowerLimit(apply);
    this.#apply = apply;
    this.#read = read;
    this.#events.up();
    this.#events.turn();
  }

  probe({ watch, measure, hold }: Probe): void {
    const connection = this.#apply;
    if (connection === undefined) return;
    if (hold) connection.send(['CLIENT', 'PAUSE', HOLD_MS, 'WRITE'], ignore);
    if (watch.length > 0) connection.send(['WATCH', ...watch], ignore);
    const measured = measure.map(({ key, length, document }) => {
      const measurement: { length?: number; document?: string | null } = {};
      if (length) {
        connection.send(['LLEN', key], (reply) => {
          measurement.length = integerOf(reply);
        });
      }
      if (document) {
        connection.send(['JSON.GET', key, '.'], (reply) => {
          measurement.document = textOf(reply);
        });
      }
      return measurement;
    });
    connection.role((reply) => {
      if (reply.kind === 'role') this.#events.probed(reply.offset, measured);
      else this.#lost('the engine did not answer ROLE: is it a primary?');
    });
  }

  execute(channel: string, token: string, commands: Buffer, count: number, held: boolean): void {
    // Together with the transaction: no client's write comes in between.
    if (held) this.#apply?.send(['CLIENT', 'UNPAUSE'], ignore);
    const raise = this.#raise(this.#apply, 'apply');
    this.#apply?.transaction(channel, token, commands, count, false, (reply) => {
      if (reply.kind !== 'transaction') return;
      const message = reply.errors[0]?.message ?? 'no reason given';
      this.#noteMemory(reply.outcome, message, raise);
      const outcome: ExecuteOutcome =
        reply.outcome === 'aborted' ? { kind: 'aborted', message } : { kind: reply.outcome };
      // The fence is the first command of the transaction.
      const errors = reply.errors.map((e) => ({ index: e.index - 1, message: e.message }));
      this.#events.executed(outcome, errors);
    });
    this.#lower(this.#apply, raise);
  }

  read(channel: string, token: string, requests: readonly ReadRequest[]): void {
    const commands = Buffer.concat(
      requests.map((request) => encodeCommand(readArguments(request, this.#hasFieldExpiry()))),
    );
    const raise = this.#raise(this.#read, 'read');
    this.#read?.transaction(channel, token, commands, requests.length, true, (reply) => {
      const outOfMemory =
        reply.kind === 'transaction' &&
        this.#noteMemory(reply.outcome, reply.errors[0]?.message ?? '', raise);
      const results = reply.kind === 'transaction' ? reply.results : undefined;
      const failed = results?.slice(1).find((r) => r.kind === 'error');
      if (results !== undefined && failed === undefined) {
        this.#events.readDone(results.slice(1));
        return;
      }
      if (!outOfMemory) {
        this.#logger.error({ reply, failed }, 'a read of the engine failed; it is tried again');
      }
      setTimeout(() => this.#events.readFailed(), RETRY_MS);
    });
    this.#lower(this.#read, raise);
  }

  /** Writes as a client does. */
  write(args: readonly string[]): void {
    const raise = this.#raise(this.#read, 'read');
    this.#read?.send(args, (reply) => {
      if (reply.kind !== 'reply' || reply.reply.kind !== 'error') return;
      if (this.#noteMemory('aborted', reply.reply.message, raise)) {
        setTimeout(() => this.write(args), RETRY_MS);
        return;
      }
      this.#logger.error({ args: args.slice(0, 2), error: reply.reply.message }, 'write refused');
    });
    this.#lower(this.#read, raise);
  }

  /** Lets the next transaction on this connection use the reserve, if it must. */
  #raise(connection: EngineConnection | undefined, sender: Sender): Raise | undefined {
    const raise = connection && this.#memory.raise(sender);
    if (connection === undefined || raise === undefined) return undefined;
    connection.send(['CONFIG', 'GET', 'maxmemory'], (reply) => {
      // Someone has set another limit, just before: what is lowered to is not that one.
      const limit = limitIn(reply);
      if (!this.#memory.isOther(limit, raise)) return;
      this.#memory.limited(limit);
      connection.send(['CONFIG', 'SET', 'maxmemory', String(limit)], ignore);
    });
    connection.send(['CONFIG', 'SET', 'maxmemory', String(raise.raisedBytes)], ignore);
    return raise;
  }

  /** In the same packet as what it was raised for. */
  #lower(connection: EngineConnection | undefined, raise: Raise | undefined): void {
    if (raise === undefined) return;
    connection?.send(['CONFIG', 'SET', 'maxmemory', String(raise.limitBytes)], ignore);
  }

  /** A process that died may have left the limit raised. */
  async #lowerLimit(connection: EngineConnection): Promise<void> {
    const asked = await connection.call(['CONFIG', 'GET', 'maxmemory']);
    const left = this.#memory.leftRaised(limitIn(asked));
    if (left === undefined) return;
    await connection.call(['CONFIG', 'SET', 'maxmemory', String(left.limitBytes)]);
  }

  /** Whether it was refused for want of memory; then the limit is asked for anew, as someone may change it. */
  #noteMemory(outcome: string, message: string, raise: Raise | undefined): boolean {
    if (outcome === 'committed') this.#memory.accepted(raise !== undefined);
    if (outcome !== 'aborted' || !isOutOfMemory(message)) return false;
    this.#memory.refused(raise !== undefined);
    this.#read?.send(['CONFIG', 'GET', 'maxmemory'], (reply) => {
      this.#memory.limited(limitIn(reply));
    });
    return true;
  }

  close(): void {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
    this.#apply?.close();
    this.#read?.close();
  }

  #connect(name: string): Promise<EngineConnection> {
    return EngineConnection.open(
      this.#address,
      name,
      () => this.#events.turn(),
      (reason) => this.#lost(reason),
    );
  }

  #lost(reason: string): void {
    if (this.#stopped || this.#apply === undefined) return;
    this.#apply.close();
    this.#read?.close();
    this.#apply = undefined;
    this.#read = undefined;
    this.#events.down(reason);
    this.#reopen();
  }

  #reopen(): void {
    this.#retryTimer = setTimeout(() => {
      this.open().catch((error: unknown) => {
        this.#logger.debug({ error }, 'the engine cannot be reached yet');
        if (!this.#stopped) this.#reopen();
      });
    }, RETRY_MS);
  }
}

function ignore(): void {}

/** The answer to CONFIG GET maxmemory; NaN for what is none. */
function limitIn(reply: ApplyReply): number {
  if (reply.kind !== 'reply' || reply.reply.kind !== 'array') return Number.NaN;
  const value = reply.reply.items[1];
  return value?.kind === 'bulk' ? Number(value.bytes.latin1Slice()) : Number.NaN;
}

/** null for what is no JSON document. */
function textOf(reply: ApplyReply): string | null {
  if (reply.kind !== 'reply' || reply.reply.kind !== 'bulk') return null;
  return reply.reply.bytes.latin1Slice();
}

/** 0 for what is no list. */
function integerOf(reply: ApplyReply): number {
  if (reply.kind !== 'reply' || reply.reply.kind !== 'integer') return 0;
  return Number(reply.reply.value);
}

/** Ends connections of an earlier life: the engine would still run what is in their buffers. */
async function dropOlder(connection: EngineConnection): Promise<void> {
  const listed = await connection.call(['CLIENT', 'LIST', 'TYPE', 'normal']);
  if (listed.kind !== 'reply' || listed.reply.kind !== 'bulk') return;
  const clients = listed.reply.bytes.latin1Slice().split('\n');
  const newest = new Map<string, { id: number; older: number[] }>();
  for (const client of clients) {
    const id = Number(/^id=(\d+) /.exec(client)?.[1]);
    const name = / name=(\S+) /.exec(client)?.[1];
    if (name === undefined || !NAMES.some((own) => own === name)) continue;
    const known = newest.get(name);
    if (known === undefined) newest.set(name, { id, older: [] });
    else
      newest.set(name, {
        id: Math.max(id, known.id),
        older: [...known.older, Math.min(id, known.id)],
      });
  }
  for (const { older } of newest.values()) {
    for (const id of older) await connection.call(['CLIENT', 'KILL', 'ID', String(id)]);
  }
}
