// Writes the tables of docs/semantics.md, of every write command and of what is denied to clients, from
// the registry (src/commands). Run it after a change there; a test fails until it was.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MERGE_RULES } from '../src/commands/merge-rules.ts';
import { COMMAND_GROUPS, DENIED_ROWS } from '../src/commands/registry.ts';
import type { CommandRow } from '../src/commands/row.ts';
import { ALLOWED_ALL_THE_SAME, ALLOWED_WHERE_KNOWN } from '../src/commands/server.ts';

export const SEMANTICS_FILE = join(import.meta.dirname, '../docs/semantics.md');

/** The text of docs/semantics.md with its tables as the registry has them. */
export function withTables(text: string): string {
  const anchors = anchorsOf(text);
  return replaceBetween(
    replaceBetween(text, 'command tables', commandTables(anchors)),
    'denied commands',
    deniedTable(),
  );
}

/** The anchors of the sections and their parts; not of the tables, which have headings too. */
export function anchorsOf(text: string): Set<string> {
  const [prose = ''] = text.split(beginOf('command tables'));
  const headings = prose.matchAll(/^###? (.+)$/gm);
  return new Set([...headings].map((match) => anchorOf(match[1] as string)));
}

export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');
}

function commandTables(anchors: ReadonlySet<string>): string {
  return COMMAND_GROUPS.map(({ title, rows }) => {
    const lines = rows
      .filter((row) => row.denied === undefined || row.reach !== 'nothing')
      .map((row) => [names(row), replicatesAs(row), mergesAs(row, anchors), row.caveats ?? '']);
    const header = ['command', 'replicates as', 'merges as', 'caveats'];
    return `### ${title}\n\n${table(header, lines)}`;
  }).join('\n\n');
}

function deniedTable(): string {
  const byReason = new Map<string, string[]>();
  for (const row of DENIED_ROWS) {
    const { reason, except = [] } = row.denied;
    const all = except.length === 0 ? names(row) : `${names(row)}, except ${except.join(', ')}`;
    byReason.set(reason, [...(byReason.get(reason) ?? []), all]);
  }
  const lines = [...byReason].map(([reason, all]) => [all.join('; '), reason]);
  const allowed = `Allowed although in these categories: ${ALLOWED_ALL_THE_SAME.join(', ')}`;
  const whereKnown = `where the engine has them, ${ALLOWED_WHERE_KNOWN.join(', ')}`;
  return `${table(['command', 'reason'], lines)}\n\n${allowed}; ${whereKnown}.`;
}

function names(row: CommandRow): string {
  const all = row.names.join(', ');
  return row.since === undefined ? all : `${all} (${row.since})`;
}

function replicatesAs(row: CommandRow): string {
  if (row.denied !== undefined) return '[denied](#denied-to-clients)';
  const { as, reach } = row;
  if (typeof reach === 'object') {
    // Newer engines delete with UNLINK what older ones delete with DEL.
    const commands = reach.propagatedAs.filter((name) => name !== 'UNLINK');
    return as ?? `${commands.join(' or ')} (so propagated)`;
  }
  if (reach === 'default') return `without a rule: ${as}`;
  return as ?? 'nothing';
}

function mergesAs(row: CommandRow, anchors: ReadonlySet<string>): string {
  if (row.denied !== undefined) return '';
  return (row.merges ?? [])
    .map((name) => {
      const { words, section } = MERGE_RULES[name];
      const anchor = anchorOf(section);
      return anchors.has(anchor) ? `[${words}](#${anchor})` : words;
    })
    .join('; ');
}

function table(header: readonly string[], lines: readonly (readonly string[])[]): string {
  const rule = header.map(() => '---');
  return [header, rule, ...lines]
    .map((cells) => `|${cells.map(cellOf).join('|')}|`)
    .join('\n');
}

function cellOf(text: string): string {
  return text === '' ? ' ' : ` ${text.replaceAll('|', '\\|')} `;
}

function beginOf(name: string): string {
  return `<!-- ${name}: written by tools/semantics-table.ts -->`;
}

function replaceBetween(text: string, name: string, content: string): string {
  const begin = beginOf(name);
  const end = `<!-- end of ${name} -->`;
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/semantics.md has no place for ${name}: ${begin}`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}

if (import.meta.main) {
  writeFileSync(SEMANTICS_FILE, withTables(readFileSync(SEMANTICS_FILE, 'utf8')));
}
