// Runs the same commands on a real engine and on the model and compares every reply.
//
// Three things are told to the model instead of compared, because an engine is free in them: which members SPOP
// takes, and the millisecond at which a relative expiry was computed (read back from the real engine) or an ID was
// made up. Other times may differ by what a command takes.
// Payloads of DUMP are opaque and differ; the pairs are remembered so that RESTORE can be run on both.

import assert from 'node:assert';
import { ModelEngine } from '../model-engine.ts';
import { encodeReply, type ModelReply } from '../reply.ts';
import { name, normalised, withoutTimes, withTimesOf } from './normalise.ts';
import { registerPcallScript, scriptedCommands } from './pcall-script.ts';
import { type RealClient, RealEngine, RealStream } from './real-engine.ts';

/** A command of one of the clients; RESTORE takes its payload from a former DUMP, by number. */
export interface Step {
  readonly client: number;
  readonly args: readonly string[];
}

interface Payloads {
  readonly real: string;
  readonly model: string;
}

const CLIENTS = 2;
/** Stands for a payload in the arguments of RESTORE. */
export const PAYLOAD = 'payload#';
const RELATIVE_MS: Readonly<Record<string, number>> = {
  EXPIRE: 1000,
  PEXPIRE: 1,
  SETEX: 1000,
  PSETEX: 1,
};
const CLOCK_SLACK_MS = 60_000;

export class Lockstep {
  readonly model: ModelEngine;
  readonly #real: RealEngine;
  readonly #stream: RealStream;
  readonly #clients: RealClient[];
  /** Asks the engine alone, and is never in a transaction. */
  readonly #observer: RealClient;
  readonly #modelClients;
  readonly #queues: (readonly string[])[][];
  readonly #popped: (readonly string[])[] = [];
  readonly #idsMs: number[] = [];
  readonly payloads: Payloads[] = [];

  constructor(real: RealEngine, stream: RealStream, clients: RealClient[], observer: RealClient) {
    this.#real = real;
    this.#stream = stream;
    this.#clients = clients;
    this.#observer = observer;
    this.model = new ModelEngine({
      seed: 1,
      choose: () => this.#nextPopped(),
      idClock: () => this.#nextIdMs(),
    });
    registerPcallScript(this.model);
    this.#modelClients = clients.map(() => this.model.connect());
    this.#queues = clients.map(() => []);
  }

  static async start(): Promise<Lockstep> {
    const real = await RealEngine.start();
    const stream = await RealStream.attach(real);
    const clients: RealClient[] = [];
    for (let i = 0; i < CLIENTS; i++) clients.push(await real.connect());
    // Keys then expire when they are touched, and at no other moment.
    const observer = await real.connect();
    await observer.run([['DEBUG', 'SET-ACTIVE-EXPIRE', '0']]);
    return new Lockstep(real, stream, clients, observer);
  }

  async stop(): Promise<void> {
    for (const client of [...this.#clients, this.#observer]) client.close();
    this.#stream.close();
    await this.#real.stop();
  }

  /** Runs the steps in order; runs of one client are pipelined. */
  async run(steps: readonly Step[]): Promise<void> {
    for (let from = 0; from < steps.length; ) {
      const client = (steps[from] as Step).client;
      let to = from;
      while (to < steps.length && (steps[to] as Step).client === client) to++;
      await this.#runOf(
        client,
        steps.slice(from, to).map((step) => step.args),
      );
      from = to;
    }
  }

  /** Real commands that the model is not asked to follow. */
  async askReal(commands: readonly (readonly string[])[]): Promise<ModelReply[]> {
    return this.#observer.run(commands);
  }

  /** The bytes that the real engine and the model have streamed since the last call. */
  async takeStreams(): Promise<{ real: Buffer; model: Buffer }> {
    const [role] = await this.askReal([['ROLE']]);
    assert(role?.kind === 'array' && role.items[1]?.kind === 'integer');
    let real = (await this.#stream.takeUntil(Number(role.items[1].value))).toString('latin1');
    for (const { real: payload, model } of this.payloads) {
      real = real.replaceAll(bulkText(payload), bulkText(model));
    }
    const model = this.model.takeStream().toString('latin1');
    return { real: withoutTimes(real), model: withoutTimes(model) };
  }

  async #runOf(client: number, commands: readonly (readonly string[])[]): Promise<void> {
    const sent: (readonly string[])[] = [];
    for (const args of commands) {
      sent.push(this.#withPayload(args, 'real'));
      if (timeUnitMs(args) !== undefined) sent.push(whenExpires(args));
    }
    const replies = await (this.#clients[client] as RealClient).run(sent);
    const nowMs = Date.now();
    let index = 0;
    for (const args of commands) {
      const reply = replies[index++] as ModelReply;
      const computed = timeUnitMs(args) === undefined ? undefined : replies[index++];
      this.#compare(client, args, reply, clockOf(args, computed, nowMs));
      // Asking looks at the key too, and deletes it if it has expired.
      if (computed !== undefined) this.#compare(client, whenExpires(args), computed, nowMs);
    }
  }

  #compare(client: number, args: readonly string[], real: ModelReply, nowMs: number): void {
    const queue = this.#queues[client] as (readonly string[])[];
    const executed =
      name(args) === 'EXEC' && real.kind === 'array' ? queue.splice(0) : scriptedCommands(args);
    if (executed === undefined || real.kind !== 'array') this.#noteChoices(args, real);
    else for (const [i, each] of executed.entries()) this.#noteChoices(each, itemOf(real, i));
    if (real.kind === 'simple' && real.text === 'QUEUED') queue.push(args);
    else if (name(args) === 'EXEC' || name(args) === 'DISCARD') queue.length = 0;
    const modelArgs = this.#withPayload(args, 'model');
    const modelClient = this.#modelClients[client];
    assert(modelClient !== undefined);
    const model = this.model.execute(modelClient, modelArgs, nowMs);
    if (name(args) === 'DUMP' && real.kind === 'bulk' && model.kind === 'bulk') {
      this.payloads.push({ real: real.text, model: model.text });
      return;
    }
    assert.deepEqual(
      normalised(executed, args, model),
      normalised(executed, args, withTimesOf(model, real)),
      `replies differ to ${JSON.stringify(modelArgs)}: model ${shown(model)}, engine ${shown(real)}`,
    );
    assert.equal(this.#popped.length, 0, 'the model did not pop what the engine popped');
    assert.equal(this.#idsMs.length, 0, 'the model did not make up an ID where the engine did');
  }

  #noteChoices(args: readonly string[], reply: ModelReply): void {
    if (name(args) === 'XADD' && args.includes('*') && reply.kind === 'bulk') {
      // An ID far ahead was made from the last one, not from the clock.
      this.#idsMs.push(Math.min(Number.parseInt(reply.text, 10), Number.MAX_SAFE_INTEGER));
    }
    if (name(args) !== 'SPOP') return;
    if (reply.kind === 'bulk') this.#popped.push([reply.text]);
    if (reply.kind === 'array' && reply.items.length > 0)
      this.#popped.push(reply.items.map(textOf));
  }

  #nextPopped(): readonly string[] {
    const popped = this.#popped.shift();
    assert(popped !== undefined, 'the model pops where the engine did not');
    return popped;
  }

  #nextIdMs(): number {
    const idMs = this.#idsMs.shift();
    assert(idMs !== undefined, 'the model makes up an ID where the engine did not');
    return idMs;
  }

  #withPayload(args: readonly string[], side: 'real' | 'model'): readonly string[] {
    return args.map((arg) =>
      arg.startsWith(PAYLOAD)
        ? (this.payloads[Number(arg.slice(PAYLOAD.length))]?.[side] ?? '')
        : arg,
    );
  }
}

/** The unit of a relative expiry in milliseconds; undefined for every other command. */
function timeUnitMs(args: readonly string[]): number | undefined {
  return RELATIVE_MS[name(args)];
}

function whenExpires(args: readonly string[]): readonly string[] {
  return ['PEXPIRETIME', args[1] as string];
}

/** When the engine ran the command: from the expiry it computed, else the clock. */
function clockOf(args: readonly string[], computed: ModelReply | undefined, nowMs: number): number {
  if (computed?.kind !== 'integer') return nowMs;
  const atMs = Number(computed.value) - Number(args[2]) * (timeUnitMs(args) as number);
  return Math.abs(atMs - nowMs) < CLOCK_SLACK_MS ? atMs : nowMs;
}

function shown(reply: ModelReply): string {
  return JSON.stringify(encodeReply(reply).toString('latin1').replaceAll('\r\n', ' '));
}

function bulkText(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

function textOf(reply: ModelReply): string {
  assert(reply.kind === 'bulk');
  return reply.text;
}

function itemOf(reply: ModelReply, index: number): ModelReply {
  assert(reply.kind === 'array');
  return reply.items[index] as ModelReply;
}
