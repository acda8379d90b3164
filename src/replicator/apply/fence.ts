// Fences mark positions in the replication stream. A fence is a message on a channel that only the
// replicator uses; its text says what it marks and carries a code made with a secret of this engine's
// replicator, so no client can make one, and every fence is accepted once (the core keeps count).

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** The channel's name. Clients may listen to it and learn nothing that they can use. */
export const FENCE_CHANNEL = 'atoll:fence';

/** What a fence marks: a batch of remote ops that became visible, or a read. */
export interface Fence {
  readonly kind: 'apply' | 'read';
  /** Rises with every fence of its kind that this replicator makes. */
  readonly number: number;
  /** apply: the origin whose ops became visible, 0 for none; read: 0. */
  readonly origin: number;
  /** apply: the last sequence of that origin that is now visible. */
  readonly seq: number;
}

const CODE_CHARACTERS = 22;

/** Fences of refused transactions never come by; so many of them are remembered at most. */
const MADE_MAX = 256;

export class FenceMaker {
  readonly #secret: KeyObject;
  /** Fences made here that have not come by: no need to compute their codes again. */
  readonly #made = new Map<string, Fence>();

  constructor(secret: Buffer) {
    // A key object, because preparing the bytes of a key takes longer than the code itself.
    this.#secret = createSecretKey(secret);
  }

  token(fence: Fence): string {
    const text = `${fence.kind === 'apply' ? 'a' : 'r'}.${fence.number}.${fence.origin}.${fence.seq}`;
    const token = `${text}.${this.#code(text)}`;
    if (this.#made.size >= MADE_MAX) this.#made.delete(this.#made.keys().next().value as string);
    this.#made.set(token, fence);
    return token;
  }

  /** The fence that a token stands for; undefined when it was not made here. */
  verify(token: string): Fence | undefined {
    const made = this.#made.get(token);
    if (made !== undefined) {
      this.#made.delete(token);
      return made;
    }
    const dot = token.lastIndexOf('.');
    const text = token.slice(0, dot);
    if (dot < 0 || token.length - dot - 1 !== CODE_CHARACTERS) return undefined;
    if (token.slice(dot + 1) !== this.#code(text)) return undefined;
    const [kind, number, origin, seq] = text.split('.');
    return {
      kind: kind === 'a' ? 'apply' : 'read',
      number: Number(number),
      origin: Number(origin),
      seq: Number(seq),
    };
  }

  #code(text: string): string {
    const code = createHmac('sha256', this.#secret).update(text).digest('base64url');
    return code.slice(0, CODE_CHARACTERS);
  }
}
