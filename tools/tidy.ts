// The house rules that a machine can check, as part of `atoll test`. A rule without a check drifts:
// each is a line in a table below. Run as a script it prints what breaks a rule and exits 1.

import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

const FILE_LINES_MAX = 400;
const TEST_FILE_LINES_MAX = 600;
const FUNCTION_LINES_MAX = 70;

/** What a folder of src/ may import from src/, besides itself. First match counts. */
const STAGE = ['base', 'model', 'wire', 'resp'];
const SETTINGS = ['replicator/config.ts', 'replicator/status.ts', 'replicator/answers.ts'];
const LAYERS: readonly { folder: string; may: readonly string[] }[] = [
  { folder: 'base', may: [] },
  { folder: 'model', may: ['base'] },
  { folder: 'wire', may: ['base', 'model'] },
  { folder: 'resp', may: ['base', 'model'] },
  { folder: 'rdb', may: ['base'] },
  // The live index is what three of the stages share, and the records of conflicts read it; the others
  // know only what passes between them.
  { folder: 'replicator/live', may: STAGE },
  ...['interpret', 'resolve', 'apply', 'conflicts'].map((stage) => ({
    folder: `replicator/${stage}`,
    may: [...STAGE, ...SETTINGS, 'replicator/live'],
  })),
  ...['capture', 'log', 'link'].map((stage) => ({
    folder: `replicator/${stage}`,
    may: [...STAGE, ...SETTINGS],
  })),
  { folder: 'replicator', may: [...STAGE, 'rdb', 'replicator', 'engine/client.ts', 'engine/client-access.ts', 'engine/empty.ts', 'engine/find.ts'] },
  { folder: 'commands', may: [] },
  { folder: 'engine', may: ['base', 'commands'] },
  {
    folder: 'group',
    may: [
      'base',
      'engine',
      'replicator/join/progress.ts',
      'replicator/join/held-file.ts',
      'replicator/quarantine.ts',
      ...SETTINGS,
    ],
  },
  // A host does what the folder of a group elsewhere says; it knows nothing of the control plane but how it runs engines.
  {
    folder: 'host',
    may: ['base', 'engine', 'group', 'replicator/join/held-file.ts', 'replicator/quarantine.ts', 'control/hosting/lone-engines.ts'],
  },
  // The rules of the control plane know nothing but themselves and the regions.
  { folder: 'control/model', may: ['base', 'group/regions.ts'] },
  {
    folder: 'control/store',
    may: ['base', 'control/model'],
  },
  { folder: 'control/hosting', may: ['base', 'engine', 'group', 'replicator/status.ts'] },
  {
    folder: 'control/hosts',
    may: ['base', 'group', ...['model', 'store', 'hosting'].map((name) => `control/${name}`)],
  },
  { folder: 'control/identity', may: ['base', 'control/model', 'control/store'] },
  { folder: 'control/data', may: ['base', 'engine', 'rdb', 'control/model'] },
  {
    folder: 'control/operations',
    may: ['base', 'engine', ...['model', 'store', 'hosting', 'data'].map((name) => `control/${name}`)],
  },
  {
    folder: 'control/api',
    may: [
      'base',
      ...['group/authority.ts', 'group/host-protocol.ts'],
      ...['model', 'store', 'hosting', 'hosts', 'identity', 'data', 'operations'].map(
        (name) => `control/${name}`,
      ),
    ],
  },
  // It knows the control plane as any other client of it does: by its addresses and the ids in them.
  { folder: 'cli/azure', may: ['base', 'cli', 'control/model/resource-id.ts'] },
];

/** Time and chance come in as inputs where decisions are made. */
const PURE_FOLDERS =
  /^src\/(model|wire|resp|rdb|replicator\/(interpret|resolve)|control\/model)\//;
const IMPURE = /\b(Date\.now|Math\.random|performance\.now|setTimeout|setInterval|setImmediate)\b/;

const BANNED: readonly { pattern: RegExp; why: string }[] = [
  { pattern: /\b(TODO|FIXME|XXX)\b/, why: 'unfinished work does not go into the code' },
  { pattern: /@ts-(nocheck|ignore|expect-error)/, why: 'the compiler is right' },
];

/** Everything in these files that breaks a rule, as "file:line: what". */
export function breaches(path: string, text: string): string[] {
  const found: string[] = [];
  const isTest = /\.(test|fixture)\.ts$/.test(path) || path.startsWith('test/');
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const report = (line: number, what: string) => found.push(`${path}:${line}: ${what}`);

  const lines = text.split('\n');
  const linesMax = isTest ? TEST_FILE_LINES_MAX : FILE_LINES_MAX;
  if (lines.length - 1 > linesMax) report(linesMax, `more than ${linesMax} lines`);
  if (path.endsWith('/index.ts')) report(1, 'no barrels: import from the file itself');
  lines.forEach((line, index) => {
    if (PURE_FOLDERS.test(path) && !isTest && IMPURE.test(withoutComment(line))) {
      report(index + 1, 'no clock, timer or chance here: take it as an input');
    }
    for (const { pattern, why } of path === 'tools/tidy.ts' ? [] : BANNED) {
      if (pattern.test(line)) report(index + 1, why);
    }
  });
  for (const node of descendants(source)) {
    if (node.kind !== ts.SyntaxKind.AnyKeyword) continue;
    report(lineOf(source, node), 'the type any switches checking off');
  }
  if (!isTest) {
    for (const { line, name, length } of longFunctions(source)) {
      report(line, `${name} has ${length} lines, more than ${FUNCTION_LINES_MAX}`);
    }
    for (const { line, target } of imports(source, path)) {
      if (!mayImport(path, target)) report(line, `${path} must not know ${target}`);
    }
  }
  return found;
}

function mayImport(path: string, target: string): boolean {
  if (!path.startsWith('src/') || !target.startsWith('src/')) return true;
  const [from, to] = [path.slice('src/'.length), target.slice('src/'.length)];
  const layer = LAYERS.find(({ folder }) => from.startsWith(`${folder}/`));
  if (layer === undefined) return true;
  const allowed = [layer.folder, ...layer.may];
  return allowed.some((name) => to === name || to.startsWith(`${name}/`));
}

function imports(source: ts.SourceFile, path: string): { line: number; target: string }[] {
  return descendants(source).flatMap((node) => {
    const specifier = specifierOf(node);
    if (!specifier?.text.startsWith('.')) return [];
    return [{ line: lineOf(source, node), target: join(dirname(path), specifier.text) }];
  });
}

function specifierOf(node: ts.Node): ts.StringLiteral | null {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    const specifier = node.moduleSpecifier;
    return specifier !== undefined && ts.isStringLiteral(specifier) ? specifier : null;
  }
  const isImport =
    ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  const argument = isImport ? node.arguments[0] : undefined;
  return argument !== undefined && ts.isStringLiteral(argument) ? argument : null;
}

function longFunctions(source: ts.SourceFile): { line: number; name: string; length: number }[] {
  return descendants(source).flatMap((node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return [];
    const line = lineOf(source, node);
    const length = source.getLineAndCharacterOfPosition(node.end).line + 2 - line;
    const name = node.name?.getText(source) ?? 'a function';
    return length > FUNCTION_LINES_MAX ? [{ line, name, length }] : [];
  });
}

function descendants(node: ts.Node): ts.Node[] {
  const found: ts.Node[] = [];
  const visit = (child: ts.Node) => {
    found.push(child);
    ts.forEachChild(child, visit);
  };
  ts.forEachChild(node, visit);
  return found;
}

function lineOf(source: ts.SourceFile, node: ts.Node): number {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}

function withoutComment(line: string): string {
  return line.replace(/\/\/.*$/, '').replace(/^\s*\/?\*.*$/, '');
}

if (import.meta.main) {
  const files = globSync('{src,test,bench,tools}/**/*.ts').sort();
  const found = files.flatMap((file) => breaches(file, readFileSync(file, 'utf8')));
  for (const breach of found) console.error(breach);
  if (found.length > 0) process.exitCode = 1;
  else console.log(`${files.length} files keep the house rules`);
}
