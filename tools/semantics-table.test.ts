import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { MERGE_RULES } from '../src/commands/merge-rules.ts';
import { COMMAND_ROWS, DENIED_ROWS } from '../src/commands/registry.ts';
import { anchorOf, anchorsOf, SEMANTICS_FILE, withTables } from './semantics-table.ts';

const TEXT = readFileSync(SEMANTICS_FILE, 'utf8');

test('the tables of docs/semantics.md are what the registry says', () => {
  const how = 'run: node tools/semantics-table.ts (a Node.js of 24 or newer)';
  assert.ok(withTables(TEXT) === TEXT, how);
});

test('every command of the registry is in them', () => {
  const cells = new Set(
    TEXT.split('\n')
      .filter((line) => line.startsWith('| '))
      .flatMap((line) => (line.split('|')[1] as string).split(/[,;]|\(.*?\)/))
      .map((name) => name.trim()),
  );
  for (const row of COMMAND_ROWS) {
    for (const name of row.names) assert.ok(cells.has(name), name);
  }
  const denied = TEXT.slice(TEXT.indexOf('## Denied to clients'));
  for (const { names } of DENIED_ROWS) assert.ok(names.every((name) => denied.includes(name)));
});

test('every rule has its section', () => {
  const anchors = anchorsOf(TEXT);
  for (const { section } of Object.values(MERGE_RULES)) {
    assert.ok(anchors.has(anchorOf(section)), `${section}: no such heading in docs/semantics.md`);
  }
});

test('a link in the text leads to a heading', () => {
  const headings = [...TEXT.matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1] as string));
  for (const [, anchor = ''] of TEXT.matchAll(/\]\(#([^)]*)\)/g)) {
    assert.ok(headings.includes(anchor), `#${anchor}`);
  }
});

test('a text without a place for the tables is refused', () => {
  assert.throws(() => withTables('# Semantics\n'), /no place for command tables/);
});

test('what stands around the tables stays as it is', () => {
  const marker = (name: string) => `<!-- ${name}: written by tools/semantics-table.ts -->`;
  const parts = ['before', 'between', 'after'];
  const text = `${parts[0]}
${marker('command tables')}
stale
<!-- end of command tables -->
${parts[1]}
${marker('denied commands')}
<!-- end of denied commands -->
${parts[2]}`;
  const written = withTables(text);
  assert.ok(!written.includes('stale'));
  assert.ok(written.startsWith('before\n<!--') && written.endsWith('-->\nafter'));
  assert.ok(written.includes('\nbetween\n'));
  assert.equal(withTables(written), written);
});
