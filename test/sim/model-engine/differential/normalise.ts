// Replies and streams without what an engine is free in: the order of hashes and sets, and the millisecond at which a
// command ran.

import { bulks, encodeReply, type ModelReply } from '../reply.ts';

const UNORDERED = ['SMEMBERS', 'SUNION', 'SINTER', 'SDIFF', 'SPOP', 'HKEYS', 'HVALS'];
/** These say that nothing came in one way inside MULTI and in another after waiting. */
const MOVES = ['BLMOVE', 'BRPOPLPUSH'];
/** Times of the engine and of the model that are as near as this are the same. */
const TIME_SLACK_MS = 60_000;
const TIMED_FIELDS = ['idle', 'seen-time'];

export function name(args: readonly string[]): string {
  return (args[0] as string).toUpperCase();
}

/** The reply, with the elements of hashes and sets in one order: theirs depends on the encoding. */
export function normalised(
  executed: readonly (readonly string[])[] | undefined,
  args: readonly string[],
  reply: ModelReply,
): ModelReply {
  if (reply.kind === 'nullArray' && MOVES.includes(name(args))) return { kind: 'null' };
  if (reply.kind !== 'array') return reply;
  if (executed !== undefined) {
    const items = reply.items.map((item, i) => normalised(undefined, executed[i] ?? [''], item));
    return { kind: 'array', items: name(args) === 'EXEC' ? items : items.map(asInScript) };
  }
  const texts = reply.items.map((item) => encodeReply(item).toString('latin1'));
  if (name(args) === 'HGETALL') {
    const pairs = texts.flatMap((text, i) => (i % 2 === 0 ? [text + texts[i + 1]] : []));
    return bulks(pairs.sort());
  }
  return UNORDERED.includes(name(args)) ? bulks(texts.sort()) : reply;
}

/** What a script sees of a reply: one kind of nothing, integers as doubles, errors in its own words. */
function asInScript(reply: ModelReply): ModelReply {
  switch (reply.kind) {
    case 'nullArray':
      return { kind: 'null' };
    case 'error':
      return { kind: 'error', text: '' };
    case 'integer':
      return typeof reply.value === 'bigint' ? { kind: 'integer', value: 0n } : reply;
    case 'array':
      return { kind: 'array', items: reply.items.map(asInScript) };
    default:
      return reply;
  }
}

/** The reply of the engine, with the times of the model where they are near. */
export function withTimesOf(model: ModelReply, real: ModelReply): ModelReply {
  if (model.kind !== 'array' || real.kind !== 'array') return real;
  const timed = timedIndexes(real.items);
  const items = real.items.map((item, i) => {
    const other = model.items[i];
    if (other === undefined) return item;
    return timed.includes(i) ? nearTime(other, item) : withTimesOf(other, item);
  });
  return { kind: 'array', items };
}

/** Where times are: in pending entries (with or without their consumer) and after the names of such fields. */
function timedIndexes(items: readonly ModelReply[]): number[] {
  const kinds = items.map((item) => item.kind).join(' ');
  if (kinds === 'bulk bulk integer integer') return [2];
  if (kinds === 'bulk integer integer') return [1];
  return items.flatMap((item, i) =>
    item.kind === 'bulk' && TIMED_FIELDS.includes(item.text) ? [i + 1] : [],
  );
}

function nearTime(model: ModelReply, real: ModelReply): ModelReply {
  if (model.kind !== 'integer' || real.kind !== 'integer') return real;
  return Math.abs(Number(model.value) - Number(real.value)) < TIME_SLACK_MS ? model : real;
}

/** The bytes of a stream without the present times of deliveries. */
export function withoutTimes(stream: string): Buffer {
  const masked = stream.replaceAll(/(\r\nTIME\r\n\$13\r\n)\d{13}/g, '$10000000000000');
  return Buffer.from(masked, 'latin1');
}
