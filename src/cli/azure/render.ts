// The formats in which results are printed: json, jsonc (with colours on a terminal), yaml, table, tsv, none. They are
// those of published command lines, so that scripts that read the one can read the other. Pure.

import { compile, search } from '@jmespath-community/jmespath';
import { stringify } from 'yaml';
import { OperatorError } from '../../base/errors.ts';
import type { Format } from './formats.ts';
import { isObject, type Json, type JsonObject } from './json.ts';

/** A line of a table: cells by the heading of their columns. */
export type Row = Readonly<Record<string, string>>;

export interface RenderOptions {
  readonly format: Format;
  /** Columns for a person, instead of all that are no lists and no objects. */
  readonly row?: ((item: Json) => Row) | undefined;
  /** It was chosen by a query: names stay in the order in which they were asked for. */
  readonly isQueried?: boolean;
  readonly hasColours?: boolean;
}

/** Throws OperatorError when it is no query. */
export function checkQuery(query: string): void {
  asQuery(query, () => compile(query));
}

/** What a query finds; null when it finds nothing. Throws OperatorError when it is none, or does not fit. */
export function queried(value: Json, query: string): Json {
  return asQuery(query, () => search(value, query)) ?? null;
}

function asQuery<T>(query: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new OperatorError(
      'QUERY_INVALID',
      `the query ${query} cannot be used: ${message}`,
      'A query is written in JMESPath (https://jmespath.org), as in "[].{name:name, host:hostName}".',
    );
  }
}

/** Text with its last newline; empty when there is nothing to print. */
export function rendered(value: Json, options: RenderOptions): string {
  const { format, isQueried = false } = options;
  if (format === 'none' || value === null) return '';
  if (format === 'tsv') return tsv(value, isQueried);
  if (format === 'table') return table(rowsOf(value, options));
  if (format === 'yaml' || format === 'yamlc') {
    return stringify(isQueried ? value : sorted(value), { lineWidth: 0 });
  }
  const text = JSON.stringify(sorted(value), null, 2);
  const isColoured = format === 'jsonc' && options.hasColours === true;
  return `${isColoured ? coloured(text) : text}\n`;
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(sortedEntries(value).map(([name, one]) => [name, sorted(one)]));
}

function sortedEntries(value: JsonObject): [string, Json][] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** In every table these would be the widest columns and tell the least. */
const LEFT_OUT = ['id', 'type', 'etag', 'revision'];

function rowsOf(value: Json, { row, isQueried = false }: RenderOptions): Row[] {
  const items = Array.isArray(value) ? value : [value];
  if (row !== undefined && !isQueried && items.every(isObject)) return items.map(row);
  return items.map((item) => {
    if (Array.isArray(item)) {
      return Object.fromEntries(item.map((cell, index) => [`Column${index + 1}`, cellText(cell)]));
    }
    if (!isObject(item)) return { Result: cellText(item) };
    const entries = isQueried ? Object.entries(item) : sortedEntries(item);
    const shown = entries.filter(([name, cell]) => {
      const isCell = cell !== null && typeof cell !== 'object';
      return isCell && (isQueried || !LEFT_OUT.includes(name));
    });
    return Object.fromEntries(
      shown.map(([name, cell]) => [name.charAt(0).toUpperCase() + name.slice(1), cellText(cell)]),
    );
  });
}

function table(rows: readonly Row[]): string {
  const headings = [...new Set(rows.flatMap(Object.keys))];
  if (headings.length === 0) return '';
  const widths = headings.map((heading) =>
    Math.max(heading.length, ...rows.map((row) => (row[heading] ?? '').length)),
  );
  const lines = [
    headings,
    widths.map((width) => '-'.repeat(width)),
    ...rows.map((row) => headings.map((heading) => row[heading] ?? '')),
  ];
  return lines
    .map((cells) =>
      cells
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** A line for each item; of what is not a plain value only how much there is. */
function tsv(value: Json, isQueried: boolean): string {
  const items = Array.isArray(value) ? value : [value];
  const cellsOf = (item: Json): string[] => {
    if (Array.isArray(item)) return item.map(tsvCell);
    if (typeof item === 'boolean') return [String(item)];
    if (!isObject(item)) return [tsvCell(item)];
    const entries = isQueried ? Object.entries(item) : sortedEntries(item);
    return entries.map(([, cell]) => tsvCell(cell));
  };
  return items.map((item) => `${cellsOf(item).join('\t')}\n`).join('');
}

function tsvCell(cell: Json): string {
  if (Array.isArray(cell)) return String(cell.length);
  if (isObject(cell)) return '';
  return cell === null ? 'None' : cellText(cell);
}

function cellText(cell: Json): string {
  if (cell === null) return '';
  if (typeof cell === 'boolean') return cell ? 'True' : 'False';
  return typeof cell === 'object' ? JSON.stringify(cell) : oneLine(String(cell));
}

function oneLine(text: string): string {
  return text.replaceAll(/[\t\r\n]+/g, ' ');
}

const TOKENS = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|(-?\b\d[\d.eE+-]*)/g;

function coloured(text: string): string {
  return text.replace(TOKENS, (all, string?: string, colon?: string, word?: string) => {
    if (string !== undefined && colon !== undefined) return `\x1b[34m${string}\x1b[0m${colon}`;
    if (string !== undefined) return `\x1b[32m${string}\x1b[0m`;
    return `\x1b[${word === undefined ? 36 : 35}m${all}\x1b[0m`;
  });
}
