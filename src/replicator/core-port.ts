// Between the core and the world: what it asks for, and what it is told at its birth.

import type { ReplicaId, VersionEntries } from '../model/version-vector.ts';
import type { ApplyPort } from './apply/applier.ts';
import type { ConflictSettings } from './conflicts/conflict-log.ts';
import type { KeyPositions } from './interpret/interpreter.ts';
import type { ReadRequest } from './interpret/reads.ts';
import type { PageStore } from './live/chains/chain-nodes.ts';

/** What the core asks of the world. */
export interface CorePort extends ApplyPort {
  /** Store these records, in order. When it returns they survive a crash of this process. */
  append(records: readonly Buffer[]): void;
  /** The frame among what was stored that has this op; undefined: it is no longer there. */
  frameWith(origin: ReplicaId, seq: number): Buffer | undefined;
  /** Run these reads with a fence in one transaction: answer with `readDone` or `readFailed`. */
  read(channel: string, token: string, requests: readonly ReadRequest[]): void;
  /** What is visible here has changed: tell the peers. */
  acknowledge(entries: VersionEntries): void;
  /** Write to the engine as a client does: it is captured and shipped. */
  write(args: readonly string[]): void;
  /** Ask `peer` for ops of `origin` that it holds. */
  want(peer: ReplicaId, origin: ReplicaId, afterSeq: number): void;
  /** Stop or go on reading frames of this peer. */
  pause(peer: ReplicaId): void;
  resume(peer: ReplicaId): void;
  /** Something an operator should know. */
  notice(level: 'info' | 'warn' | 'error', message: string, details?: object): void;
}

export interface CoreOptions {
  readonly self: ReplicaId;
  /** With those that are gone. */
  readonly members: readonly ReplicaId[];
  /** Members that left or were unlinked, each with the last sequence of it that the others keep. */
  readonly gone?: ReadonlyMap<ReplicaId, number>;
  /** Writes of the engine were missed, and what follows is not mended: what was known of values may be wrong. */
  readonly hasGap?: () => boolean;
  /** Signs fences; belongs to the engine's incarnation and survives restarts of the replicator. */
  readonly secret: Buffer;
  /** Differs from that of every earlier start of this replicator: an integer below 2^53. */
  readonly life: number;
  readonly port: CorePort;
  /** What is recorded of conflicts; without it they are only counted. */
  readonly conflicts?: ConflictSettings;
  readonly keyPositions?: (name: string) => KeyPositions | undefined;
  /** Libraries of functions are the same in all regions. */
  readonly replicatesFunctions?: boolean;
  /** JSON.SET of a whole document ends its expiry, in this engine; default: it does not. */
  readonly jsonSetEndsExpiry?: () => boolean;
  /** Ops with timestamps that are further ahead of the own clock are held, in ms. */
  readonly maxAheadMs?: number;
  /** Takes what is seldom needed of the live index out of memory. */
  readonly pages?: PageStore;
  /** Called for each batch of ops of a peer that became visible, with the time it was captured there. */
  readonly onVisible?: (origin: ReplicaId, capturedAt: number) => void;
}

/** A command inside a transaction that the engine answered with an error. */
export interface CommandError {
  readonly index: number;
  readonly message: string;
}
