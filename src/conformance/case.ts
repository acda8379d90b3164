// Files of conformance cases: what they hold, and a check that says which file, case and field is wrong.

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { OperatorError } from '../base/errors.ts';
import { invalidExpectation } from './matcher.ts';

/** The most regions that a group on this machine has. */
export const REGIONS_MAX = 5;

const region = z.int().min(1).max(REGIONS_MAX);
const command = z.array(z.string()).min(1);
const name = z.string().min(1);
const expectation = z.unknown().superRefine((value, context) => {
  const reason = invalidExpectation(value);
  if (reason !== undefined) context.addIssue({ code: 'custom', message: reason });
});

const observation = z.strictObject({ region, cmd: command, allowed: z.array(expectation).min(1) });

/** By the field that tells the kinds of steps apart. */
const STEP_SCHEMAS = {
  cmd: z.strictObject({ region, cmd: command, expect: expectation.optional() }),
  sync: z.strictObject({
    sync: z.union([z.literal(true), z.array(region).min(2)]),
    observe: z.array(observation).optional(),
  }),
  sleep_ms: z.strictObject({ sleep_ms: z.number().min(0).max(60_000) }),
  clock: z.strictObject({ clock: z.strictObject({ region, offset_ms: z.number() }) }),
  block: z.strictObject({ region, block: command, as: name }),
  subscribe: z.strictObject({ region, subscribe: name, as: name }),
  await: z.strictObject({
    await: name,
    expect: expectation,
    timeout_ms: z.number().min(0).max(60_000).optional(),
  }),
} as const;

type StepName = keyof typeof STEP_SCHEMAS;
export type Step = z.infer<(typeof STEP_SCHEMAS)[StepName]>;
export type CommandStep = z.infer<typeof STEP_SCHEMAS.cmd>;
export type SyncStep = z.infer<typeof STEP_SCHEMAS.sync>;
export type AwaitStep = z.infer<typeof STEP_SCHEMAS.await>;
export type Observation = z.infer<typeof observation>;

const finalSchema = z.strictObject({
  region: z.union([region, z.literal('all')]),
  cmd: command,
  expect: expectation,
});

const caseSchema = z.looseObject({
  id: name,
  type: name,
  regions: z.int().min(1).max(REGIONS_MAX),
  requires: z.array(name).default([]),
  steps: z.array(z.record(z.string(), z.unknown())),
  final: z.array(finalSchema),
});

export type FinalCheck = z.infer<typeof finalSchema>;

export interface ConformanceCase {
  readonly id: string;
  readonly type: string;
  readonly regions: number;
  readonly requires: readonly string[];
  readonly steps: readonly Step[];
  readonly final: readonly FinalCheck[];
}

export async function readCases(file: string): Promise<ConformanceCase[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new OperatorError(
      'CASES_UNREADABLE',
      `cannot read ${file}: ${why}`,
      'Name a file of cases.',
    );
  }
  return parseCases(text, file);
}

/** The cases in `text`; `file` is for messages only. */
export function parseCases(text: string, file: string): ConformanceCase[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw invalid(file, undefined, `not JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (!Array.isArray(content)) throw invalid(file, undefined, 'not an array of cases');
  const cases = content.map((value, index) => parseCase(value, index, file));
  const seen = new Set<string>();
  for (const { id } of cases) {
    if (seen.has(id)) throw invalid(file, id, 'id: given twice');
    seen.add(id);
  }
  return cases;
}

function parseCase(value: unknown, index: number, file: string): ConformanceCase {
  const parsed = caseSchema.safeParse(value);
  const label = labelOf(value, index);
  if (!parsed.success) throw invalid(file, label, issueText(parsed.error, []));
  const { id, type, regions, requires, final } = parsed.data;
  const steps = parsed.data.steps.map((step, at) => parseStep(step, at, file, label));
  const result = { id, type, regions, requires, steps, final };
  const stray = [...steps, ...final].find((step) => regionsOf(step).some((one) => one > regions));
  if (stray !== undefined) {
    const where = steps.includes(stray as Step) ? 'steps' : 'final';
    throw invalid(file, label, `${where}: names a region beyond the case's ${regions}`);
  }
  return result;
}

function parseStep(step: Record<string, unknown>, at: number, file: string, label: string): Step {
  const kind = (Object.keys(STEP_SCHEMAS) as StepName[]).find((one) => Object.hasOwn(step, one));
  if (kind === undefined) {
    const known = Object.keys(STEP_SCHEMAS).join(', ');
    throw invalid(file, label, `steps.${at}: has none of ${known}`);
  }
  const parsed = STEP_SCHEMAS[kind].safeParse(step);
  if (!parsed.success) throw invalid(file, label, issueText(parsed.error, ['steps', at]));
  return parsed.data;
}

function regionsOf(step: Step | FinalCheck): number[] {
  if ('sync' in step) {
    const observed = (step.observe ?? []).map((one) => one.region);
    return [...(step.sync === true ? [] : step.sync), ...observed];
  }
  if ('clock' in step) return [step.clock.region];
  return 'region' in step && step.region !== 'all' ? [step.region] : [];
}

function issueText(error: z.ZodError, path: readonly (string | number)[]): string {
  const issue = error.issues[0];
  return `${[...path, ...(issue?.path ?? [])].join('.')}: ${issue?.message ?? 'invalid'}`;
}

function labelOf(value: unknown, index: number): string {
  const id = typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined;
  return typeof id === 'string' ? id : `number ${index + 1}`;
}

function invalid(file: string, label: string | undefined, why: string): OperatorError {
  const where = label === undefined ? file : `${file}: case ${label}`;
  return new OperatorError(
    'CASES_INVALID',
    `${where}: ${why}`,
    'Correct the file; its format is that of test/conformance/cases.json.',
  );
}
