// One key in all regions as a table: pure, from what the regions answered to rows of text. A column for each
// region, so that what differs stands side by side.

import { printable } from '../base/printable.ts';
import type { KeyReading } from '../group/key-reading.ts';
import type { RegionView, ReplicatorView, Silence } from '../group/key-survey.ts';

const VALUE_MAX = 36;
const NOTHING = '-';
const NO_ANSWER = 'no answer';
const UNITS: Readonly<Record<string, string>> = {
  string: 'byte',
  list: 'element',
  set: 'member',
  zset: 'member',
  hash: 'field',
  stream: 'entry',
};

type OfEngine = (reading: KeyReading) => string;
type OfReplicator = (view: ReplicatorView) => string;

const ENGINE_ROWS: readonly [string, OfEngine][] = [
  ['type', ({ type }) => (type === 'none' ? 'no such key' : type)],
  ['length', lengthText],
  ['value', valueText],
  ['encoding', ({ encoding }) => encoding ?? NOTHING],
  ['memory', ({ memoryBytes }) => (memoryBytes === null ? NOTHING : `${memoryBytes} B`)],
  ['expires at', expiryText],
  ['expires in', remainingText],
];

const REPLICATOR_ROWS: readonly [string, OfReplicator][] = [
  ['live ops pending', ({ key }) => String(key.pendingOps)],
  ['last writer', ({ key }) => key.lastWriter?.region ?? 'stable'],
  ['written at', ({ key }) => timeText(key.lastWriter?.timestampMs)],
  ['by', ({ key }) => key.lastWriter?.command ?? NOTHING],
  ['last conflict', ({ lastConflict }) => lastConflict?.rule ?? NOTHING],
  ['merged at', ({ lastConflict }) => timeText(lastConflict?.timeMs)],
];

/** The regions, and a row for each fact that there is about any of them. */
export function keyTable(views: readonly RegionView[]): string[][] {
  const rows = [
    ...ENGINE_ROWS.map(([name, text]) => [
      name,
      ...views.map(({ engine }) => orSilent(engine, text)),
    ]),
    ...REPLICATOR_ROWS.map(([name, text]) => [
      name,
      ...views.map(({ replicator }) => orSilent(replicator, text)),
    ]),
  ];
  const telling = rows.filter(([, ...texts]) =>
    texts.some((text) => text !== NOTHING && text !== NO_ANSWER),
  );
  return [['', ...views.map(({ region }) => region)], ...telling];
}

/** What did not answer, each with what to do. */
export function silences(views: readonly RegionView[]): Silence[] {
  return views.flatMap(({ engine, replicator }) =>
    [engine, replicator].flatMap((part) => ('error' in part ? [part] : [])),
  );
}

function orSilent<T extends object>(part: T | Silence, text: (part: T) => string): string {
  return 'error' in part ? NO_ANSWER : text(part);
}

function lengthText({ type, length }: KeyReading): string {
  if (length === null) return NOTHING;
  const unit = UNITS[type] ?? 'element';
  if (length === 1) return `1 ${unit}`;
  return `${length} ${unit === 'entry' ? 'entries' : `${unit}s`}`;
}

function valueText({ type, length, first, digest }: KeyReading): string {
  if (type === 'none') return NOTHING;
  const parts = first.map((element) => elementText(type, element));
  const text = type === 'string' ? (parts[0] ?? '') : parts.join(', ');
  if (type === 'string' && text.startsWith('HYLL')) return 'HyperLogLog';
  if (type === 'string') return shortened(text, (length ?? 0) > (first[0]?.[0]?.length ?? 0));
  if (first.length === 0) return digest === null ? 'too large to be read' : `digest ${digest}`;
  return shortened(text, (length ?? 0) > first.length);
}

function elementText(type: string, element: readonly string[]): string {
  const [name = '', ...rest] = element.map(printable);
  if (rest.length === 0) return name;
  return type === 'stream' ? `${name} {${rest.join(' ')}}` : `${name}=${rest.join(' ')}`;
}

function shortened(text: string, isMore: boolean): string {
  if (text.length <= VALUE_MAX && !isMore) return text;
  return `${text.slice(0, VALUE_MAX - 4)} ...`;
}

function expiryText({ type, expiresAtMs }: KeyReading): string {
  if (type === 'none') return NOTHING;
  return expiresAtMs === null ? 'never' : timeText(expiresAtMs);
}

function remainingText({ expiresInMs }: KeyReading): string {
  return expiresInMs === null ? NOTHING : `${(expiresInMs / 1000).toFixed(1)} s`;
}

/** UTC; beyond the years that a date can name, as it is. */
function timeText(atMs: number | undefined): string {
  if (atMs === undefined) return NOTHING;
  const date = new Date(atMs);
  if (Number.isNaN(date.getTime())) return `${atMs} ms`;
  return date.toISOString().replace('T', ' ');
}
