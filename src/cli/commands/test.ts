// `atoll test`: everything a change must pass, in one command: format and lint, types, house rules,
// then the tests. It ends with the summary of Node's test runner.

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { wholeNumber } from '../arguments.ts';
import { EXIT_FAILED, printJson } from '../output.ts';

interface Options {
  readonly seed?: string;
  readonly fast?: boolean;
  readonly json?: boolean;
}

interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
}

const ROOT = join(import.meta.dirname, '../../..');
/** Two cores are what there is in the smallest machine that tests run on. */
const CONCURRENCY = 2;
const FILE_TIMEOUT_MS = 900_000;
const TEST_FILES = '{src,test,bench,tools}/**/*.test.ts';
/** Tests of whole groups of real engines, and long ones. */
const SLOW_FILES = ['test/e2e/**', 'test/slow/**'];

export function testCommand(): Command {
  return new Command('test')
    .description('check format, types and house rules, and run the tests')
    .option('--fast', 'leave out end-to-end and long tests')
    .option(
      '--seed <N>',
      'of what is random in them; "random" for another one in every run',
      seedOf,
    )
    .option('--json', 'a summary as JSON; what the tools say goes to standard error')
    .argument('[files...]', 'only these test files, and nothing else')
    .action(runTests);
}

async function runTests(files: readonly string[], options: Options): Promise<void> {
  const fast = options.fast === true;
  const steps = [...(files.length > 0 ? [] : checks()), testStep(files, fast)];
  const environment = {
    ...process.env,
    ...(fast && { ATOLL_TEST_FAST: '1' }),
    ...(options.seed !== undefined && { ATOLL_TEST_SEED: options.seed }),
  };
  if (options.seed !== undefined) process.stderr.write(`== seed ${options.seed}\n`);
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    process.stderr.write(`== ${step.name}\n`);
    outcomes.push(await run(step, environment, options.json === true));
  }
  const failed = outcomes.filter((outcome) => !outcome.ok);
  if (options.json) printJson({ ok: failed.length === 0, steps: outcomes });
  else if (failed.length > 0) {
    process.stderr.write(`failed: ${failed.map((outcome) => outcome.name).join(', ')}\n`);
  }
  if (failed.length > 0) process.exitCode = EXIT_FAILED;
}

function seedOf(text: string): string {
  return String(text === 'random' ? randomInt(2 ** 31) : wholeNumber(text));
}

function checks(): Step[] {
  const script = (path: string) => join(ROOT, 'node_modules', path);
  const node = process.execPath;
  return [
    { name: 'format and lint', command: node, args: [script('@biomejs/biome/bin/biome'), 'check'] },
    { name: 'types', command: node, args: [script('typescript/bin/tsc'), '--noEmit', '-p', '.'] },
    { name: 'house rules', command: node, args: ['tools/tidy.ts'] },
  ];
}

function testStep(files: readonly string[], fast: boolean): Step {
  const all = globSync(TEST_FILES, { cwd: ROOT, exclude: fast ? SLOW_FILES : [] }).sort();
  return {
    name: 'tests',
    command: process.execPath,
    args: [
      '--disable-warning=ExperimentalWarning',
      '--test',
      '--import=./test/seed.ts',
      '--test-reporter=spec',
      `--test-concurrency=${CONCURRENCY}`,
      `--test-timeout=${FILE_TIMEOUT_MS}`,
      ...(files.length > 0 ? files : all),
    ],
  };
}

function run(step: Step, environment: NodeJS.ProcessEnv, json: boolean): Promise<Outcome> {
  const startMs = performance.now();
  return new Promise((resolve) => {
    const child = spawn(step.command, step.args, {
      cwd: ROOT,
      env: environment,
      stdio: ['ignore', json ? process.stderr : 'inherit', 'inherit'],
    });
    const done = (ok: boolean) => {
      const seconds = Math.round((performance.now() - startMs) / 100) / 10;
      resolve({ name: step.name, ok, seconds });
    };
    child.once('error', (error) => {
      process.stderr.write(`${step.name}: ${error.message}\n`);
      done(false);
    });
    child.once('exit', (code) => done(code === 0));
  });
}
