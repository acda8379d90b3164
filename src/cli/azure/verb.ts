// A command on a resource, from its description: its options in all spellings, what it is about, the question before
// something is destroyed, and the result in the format that was asked for. What it needs is loaded when it runs.

import { Command, InvalidArgumentError, type Option } from 'commander';
import { OperatorError } from '../../base/errors.ts';
import type { Json } from './json.ts';
import {
  type CommonOptions,
  commonOptions,
  noWaitOption,
  reasonOption,
  yesOption,
} from './options.ts';
import type { Row } from './render.ts';
import type { Session } from './session.ts';
import { type Target, targetOf, targetOptions } from './targets.ts';

export interface Verb<Options> {
  readonly name: string;
  readonly about: string;
  readonly target: Target['kind'];
  /** --ids names something else here. */
  readonly hasOwnIds?: boolean;
  readonly options?: readonly (readonly Option[])[];
  /** It changes something: it can have a reason. */
  readonly isChange?: boolean;
  /** It begins an operation: --no-wait. */
  readonly isLong?: boolean;
  /** It destroys something; this says what. It asks first. */
  readonly destroys?: string;
  /** The result is printed as it came. */
  readonly isRaw?: boolean;
  /** How a table shows a result. */
  readonly row?: (item: Json) => Row;
  /** Throws InvalidArgumentError for what does not go together. */
  readonly check?: (options: Options) => void;
  /** undefined: there is nothing to print. */
  readonly run: (
    session: Session,
    target: Target,
    options: Options & CommonOptions,
  ) => Promise<Json | undefined>;
}

export function verb<Options extends object>(spec: Verb<Options>): Command {
  const { name, about, destroys } = spec;
  const command = new Command(name).description(
    destroys === undefined ? about : `${about} (destructive)`,
  );
  const options: Option[] = [
    ...targetOptions(spec.target, spec.hasOwnIds !== true),
    ...(spec.options ?? []).flat(),
    ...(spec.isLong === true ? [noWaitOption()] : []),
    ...(destroys === undefined ? [] : [yesOption()]),
    ...(spec.isChange === true || destroys !== undefined ? [reasonOption()] : []),
    ...commonOptions(),
  ];
  for (const one of options) command.addOption(one);
  return command.action((given: Options & CommonOptions) => perform(command, spec, given));
}

/** A folder of commands. */
export function verbs(name: string, about: string, inner: readonly Command[]): Command {
  const command = new Command(name).description(about);
  for (const one of inner) command.addCommand(one);
  return command;
}

async function perform<Options extends object>(
  command: Command,
  spec: Verb<Options>,
  options: Options & CommonOptions,
): Promise<void> {
  // Wrong usage is told also where nobody is logged in.
  usage(command, () => targetOf(spec.target, options, 'none'));
  usage(command, () => spec.check?.(options));
  const { openSession } = await import('./session.ts');
  await failing(async () => {
    if (options.query !== undefined) (await import('./render.ts')).checkQuery(options.query);
    const session = openSession(options);
    const { subscription } = session;
    const target = targetOf(spec.target, { ...options, subscription }, subscription);
    if (spec.destroys !== undefined && options.yes !== true) {
      await confirmed(session, target, spec.destroys);
    }
    session.progress.about(target.name);
    const result = await spec.run(session, target, options);
    if (result !== undefined) await print(result, options, spec);
  });
}

/** Runs `work`; what the control plane refuses is told in its own words, with an exit code. */
export async function failing(work: () => Promise<void>): Promise<void> {
  const { ArmFailure } = await import('./failure.ts');
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ArmFailure)) throw error;
    process.stderr.write(`${error.lines.join('\n')}\n`);
    process.exitCode = error.exitCode;
  }
}

export async function print(
  value: Json,
  { output, query }: Pick<CommonOptions, 'output' | 'query'>,
  { row, isRaw }: Pick<Verb<object>, 'row' | 'isRaw'> = {},
): Promise<void> {
  const [{ queried, rendered }, { shaped }] = [
    await import('./render.ts'),
    await import('./shape.ts'),
  ];
  const whole = isRaw === true ? value : shaped(value);
  const isQueried = query !== undefined;
  const text = rendered(isQueried ? queried(whole, query) : whole, {
    ...{ format: output, row, isQueried },
    hasColours: process.stdout.isTTY && process.env.NO_COLOR === undefined,
  });
  process.stdout.write(text);
}

function usage(command: Command, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    command.error(`error: ${error.message}`, { exitCode: 2 });
  }
}

async function confirmed(session: Session, target: Target, destroys: string): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new OperatorError(
      'CONFIRMATION_NEEDED',
      `this would ${destroys}, and there is no terminal on which to ask`,
      'Give --yes (-y) if that is wanted.',
    );
  }
  const { contextOf } = await import('./context.ts');
  for (const line of await contextOf(session, target)) process.stderr.write(`${line}\n`);
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`This will ${destroys}. Go on? (y/n): `);
  terminal.close();
  if (/^y(es)?$/i.test(answer.trim())) return;
  throw new OperatorError('NOT_CONFIRMED', 'nothing was done', '');
}
