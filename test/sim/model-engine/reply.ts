// What the model engine answers: RESP2 replies as values, and the errors with the engine's own texts.

import type { Reply } from '../../../src/resp/reply-parser.ts';
import type { Int64 } from './numbers.ts';

export type ModelReply =
  | { readonly kind: 'simple'; readonly text: string }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'integer'; readonly value: Int64 }
  | { readonly kind: 'bulk'; readonly text: string }
  | { readonly kind: 'null' }
  | { readonly kind: 'nullArray' }
  | { readonly kind: 'array'; readonly items: readonly ModelReply[] };

export const OK: ModelReply = { kind: 'simple', text: 'OK' };
export const QUEUED: ModelReply = { kind: 'simple', text: 'QUEUED' };
export const NULL: ModelReply = { kind: 'null' };
export const NULL_ARRAY: ModelReply = { kind: 'nullArray' };
export const EMPTY: ModelReply = { kind: 'array', items: [] };

const SMALL_INTEGERS: readonly ModelReply[] = Array.from({ length: 128 }, (_, value) => ({
  kind: 'integer',
  value,
}));

export const ZERO = integer(0);
export const ONE = integer(1);

export function integer(value: Int64): ModelReply {
  if (typeof value === 'number' && value >= 0 && value < SMALL_INTEGERS.length) {
    return SMALL_INTEGERS[value] as ModelReply;
  }
  return { kind: 'integer', value };
}

/** An integer that was computed as a bigint. */
export function bigInteger(value: bigint): ModelReply {
  const near = Number(value);
  return integer(Number.isSafeInteger(near) ? near : value);
}

export function bulk(text: string): ModelReply {
  return { kind: 'bulk', text };
}

export function bulkOrNull(text: string | undefined): ModelReply {
  return text === undefined ? NULL : { kind: 'bulk', text };
}

export function array(items: readonly ModelReply[]): ModelReply {
  return { kind: 'array', items };
}

export function bulks(texts: Iterable<string>): ModelReply {
  return { kind: 'array', items: Array.from(texts, bulk) };
}

/** A command that the engine refuses: thrown by command implementations, answered as an error. */
export class Refusal extends Error {
  readonly reply: ModelReply;

  constructor(text: string) {
    super(text);
    this.reply = { kind: 'error', text };
  }
}

// The frequent ones are made once: capturing a stack is what makes an exception dear.
export const WRONG_TYPE = new Refusal(
  'WRONGTYPE Operation against a key holding the wrong kind of value',
);
export const NOT_AN_INTEGER = new Refusal('ERR value is not an integer or out of range');
export const NOT_A_FLOAT = new Refusal('ERR value is not a valid float');
export const SYNTAX_ERROR = new Refusal('ERR syntax error');
export const WOULD_OVERFLOW = new Refusal('ERR increment or decrement would overflow');
export const OUT_OF_RANGE = new Refusal('ERR value is out of range, must be positive');
export const NO_SUCH_KEY = new Refusal('ERR no such key');

export function wrongArity(command: string): Refusal {
  return new Refusal(`ERR wrong number of arguments for '${command.toLowerCase()}' command`);
}

/** A subcommand that its command knows, with arguments that it does not. */
export function subcommandSyntax(args: readonly string[]): Refusal {
  const [command = '', subcommand = ''] = args;
  return new Refusal(
    `ERR unknown subcommand or wrong number of arguments for '${subcommand}'. Try ${command.toUpperCase()} HELP.`,
  );
}

/** The reply as the parser of engine replies would give it. */
export function toReply(reply: ModelReply): Reply {
  switch (reply.kind) {
    case 'simple':
    case 'integer':
      return reply;
    case 'error':
      return { kind: 'error', message: reply.text };
    case 'bulk':
      return { kind: 'bulk', bytes: Buffer.from(reply.text, 'latin1') };
    case 'null':
    case 'nullArray':
      return { kind: 'null' };
    case 'array':
      return { kind: 'array', items: reply.items.map(toReply) };
  }
}

/** The reply as RESP2 bytes. */
export function encodeReply(reply: ModelReply): Buffer {
  return Buffer.from(encodeText(reply), 'latin1');
}

function encodeText(reply: ModelReply): string {
  switch (reply.kind) {
    case 'simple':
      return `+${reply.text}\r\n`;
    case 'error':
      return `-${reply.text}\r\n`;
    case 'integer':
      return `:${reply.value}\r\n`;
    case 'bulk':
      return `$${reply.text.length}\r\n${reply.text}\r\n`;
    case 'null':
      return '$-1\r\n';
    case 'nullArray':
      return '*-1\r\n';
    case 'array':
      return `*${reply.items.length}\r\n${reply.items.map(encodeText).join('')}`;
  }
}
