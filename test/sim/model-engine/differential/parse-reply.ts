// RESP2 replies as the model's, so that the two can be compared: unlike the product's parser it tells a null array
// from a null string.

import type { ModelReply } from '../reply.ts';

export interface ParsedReply {
  readonly reply: ModelReply;
  /** Where the next reply begins. */
  readonly end: number;
}

/** The reply that begins at `at`; undefined while it is incomplete. */
export function parseReply(bytes: Buffer, at: number): ParsedReply | undefined {
  const lineEnd = bytes.indexOf('\r\n', at);
  if (lineEnd < 0) return undefined;
  const text = bytes.latin1Slice(at + 1, lineEnd);
  const end = lineEnd + 2;
  switch (bytes.latin1Slice(at, at + 1)) {
    case '+':
      return { reply: { kind: 'simple', text }, end };
    case '-':
      return { reply: { kind: 'error', text }, end };
    case ':':
      return { reply: { kind: 'integer', value: integer(text) }, end };
    case '$':
      return parseBulk(bytes, end, Number(text));
    case '*':
      return parseArray(bytes, end, Number(text));
    default:
      throw new Error(`no reply begins with ${bytes.latin1Slice(at, at + 20)}`);
  }
}

function parseBulk(bytes: Buffer, at: number, length: number): ParsedReply | undefined {
  if (length < 0) return { reply: { kind: 'null' }, end: at };
  const end = at + length + 2;
  if (bytes.length < end) return undefined;
  return { reply: { kind: 'bulk', text: bytes.latin1Slice(at, at + length) }, end };
}

function parseArray(bytes: Buffer, at: number, length: number): ParsedReply | undefined {
  if (length < 0) return { reply: { kind: 'nullArray' }, end: at };
  const items: ModelReply[] = [];
  let end = at;
  for (let i = 0; i < length; i++) {
    const parsed = parseReply(bytes, end);
    if (parsed === undefined) return undefined;
    items.push(parsed.reply);
    end = parsed.end;
  }
  return { reply: { kind: 'array', items }, end };
}

function integer(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}
