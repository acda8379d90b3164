// Replies of an engine as typed values, from chunks that may be cut anywhere.

import { CorruptInput } from '../base/errors.ts';
import { ReplyMark, ReplyTokens } from './reply-tokens.ts';

export type Reply =
  | { kind: 'simple'; text: string }
  | { kind: 'error'; message: string }
  /** A bigint where a number would not be exact. */
  | { kind: 'integer'; value: number | bigint }
  /** Raw bytes; they may be a view into the chunk that was fed. */
  | { kind: 'bulk'; bytes: Buffer }
  | { kind: 'null' }
  /** Also sets, pushes and maps (key, value, key, value, ...). */
  | { kind: 'array'; items: Reply[] };

const NULL: Reply = { kind: 'null' };

/** Replies of engines nest a few levels; a script's may a little more. */
const DEPTH_MAX = 128;

interface OpenArray {
  items: Reply[];
  left: number;
  /** Attributes precede a reply and are dropped. */
  dropped: boolean;
}

/** Builds values out of tokens. */
export class ReplyBuilder {
  #open: OpenArray[] = [];

  /** Takes the token that was just read; a value when that completed one. */
  accept(tokens: ReplyTokens): Reply | undefined {
    if (tokens.length >= 0 && isAggregate(tokens.mark)) {
      if (this.#open.length === DEPTH_MAX) throw new CorruptInput('a reply nested too deeply');
      const dropped = tokens.mark === ReplyMark.attribute;
      this.#open.push({ items: [], left: tokens.length, dropped });
      return this.#close();
    }
    const value = scalar(tokens);
    const top = this.#open.at(-1);
    if (top === undefined) return value;
    top.items.push(value);
    top.left--;
    return this.#close();
  }

  /** Closes every array that is complete; the outermost is the value. */
  #close(): Reply | undefined {
    for (;;) {
      const top = this.#open.at(-1);
      if (top === undefined || top.left > 0) return undefined;
      this.#open.pop();
      if (top.dropped) return undefined;
      const value: Reply = { kind: 'array', items: top.items };
      const outer = this.#open.at(-1);
      if (outer === undefined) return value;
      outer.items.push(value);
      outer.left--;
    }
  }
}

/** An incremental parser of an engine's replies. */
export class ReplyParser {
  #tokens = new ReplyTokens();
  #builder = new ReplyBuilder();

  /** Takes the next bytes; the chunk must not be changed afterwards. */
  feed(chunk: Buffer): void {
    this.#tokens.feed(chunk);
  }

  /** The next whole reply; undefined when it has to be fed. */
  next(): Reply | undefined {
    while (this.#tokens.next(true)) {
      const reply = this.#builder.accept(this.#tokens);
      if (reply !== undefined) return reply;
    }
    return undefined;
  }
}

/** Whether values follow as elements. */
export function isAggregate(mark: number): boolean {
  return (
    mark === ReplyMark.array ||
    mark === ReplyMark.map ||
    mark === ReplyMark.set ||
    mark === ReplyMark.push ||
    mark === ReplyMark.attribute
  );
}

/** The text of a simple or bulk reply as latin1; undefined for any other. */
export function replyText(reply: Reply | undefined): string | undefined {
  if (reply?.kind === 'simple') return reply.text;
  if (reply?.kind === 'bulk') return reply.bytes.toString('latin1');
  return undefined;
}

function scalar(tokens: ReplyTokens): Reply {
  if (tokens.length < 0) return NULL;
  switch (tokens.mark) {
    case ReplyMark.simple:
    case ReplyMark.double:
      return { kind: 'simple', text: tokens.text };
    case ReplyMark.error:
      return { kind: 'error', message: tokens.text };
    case ReplyMark.bulkError:
      return { kind: 'error', message: tokens.payload.toString('latin1') };
    case ReplyMark.integer:
    case ReplyMark.bigNumber:
      return { kind: 'integer', value: integer(tokens.text) };
    case ReplyMark.boolean:
      return { kind: 'integer', value: tokens.text === 't' ? 1 : 0 };
    case ReplyMark.bulk:
      return { kind: 'bulk', bytes: tokens.payload };
    case ReplyMark.verbatim:
      // `txt:` or `mkd:` comes before the text.
      return { kind: 'bulk', bytes: tokens.payload.subarray(4) };
    default:
      throw new CorruptInput(`a reply of an unknown kind, byte ${tokens.mark}`);
  }
}

function integer(text: string): number | bigint {
  if (!/^[+-]?\d{1,4096}$/.test(text)) {
    throw new CorruptInput(`an integer reply that is none: ${text.slice(0, 40)}`);
  }
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text.replace('+', ''));
}
