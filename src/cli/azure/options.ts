// Options of commands on resources, in every spelling that published command lines know for them.

import { InvalidArgumentError, Option } from 'commander';
import { FORMATS } from './formats.ts';

/** Another spelling of an option: it sets the same value, and help does not show it. */
class Spelling extends Option {
  readonly #attribute: string;

  constructor(flags: string, original: Option) {
    super(flags);
    this.#attribute = original.attributeName();
    this.hideHelp();
    if (original.parseArg !== undefined) this.parseArg = original.parseArg;
    if (original.argChoices !== undefined) this.choices(original.argChoices);
  }

  override attributeName(): string {
    return this.#attribute;
  }
}

/** An option, and the other names by which it is known. */
export function option<T>(
  flags: string,
  about: string,
  {
    spellings = [],
    parse,
    choices,
  }: {
    readonly spellings?: readonly string[];
    readonly parse?: (text: string, earlier: T) => T;
    readonly choices?: readonly string[];
  } = {},
): Option[] {
  const original = new Option(flags, about);
  if (parse !== undefined) original.argParser(parse);
  if (choices !== undefined) original.argParser(oneOf(choices)).argChoices = [...choices];
  const value = /[<[].*$/.exec(flags)?.[0] ?? '';
  return [original, ...spellings.map((name) => new Spelling(`${name} ${value}`.trim(), original))];
}

export interface CommonOptions {
  readonly output: (typeof FORMATS)[number];
  readonly query?: string;
  readonly subscription?: string;
  readonly onlyShowErrors?: boolean;
  readonly reason?: string;
  readonly yes?: boolean;
  readonly wait?: boolean;
}

export function commonOptions(): Option[] {
  return [
    new Option('-o, --output <format>', 'how results are printed').choices(FORMATS).default('json'),
    new Option('--query <jmespath>', 'what of a result is printed (https://jmespath.org)'),
    new Option('--subscription <id>', 'id or name; default: that of the login'),
    new Option('--only-show-errors', 'no progress and no hints'),
  ];
}

export function reasonOption(): Option {
  const about = 'goes into the activity log, such as the number of an incident';
  return new Option('--reason <text>', about).argParser((text: string): string => {
    // It travels in a header.
    if (/^[\x20-\x7e\xa1-\xff]{1,200}$/.test(text)) return text;
    throw new InvalidArgumentError('It must be one line of Latin letters, 200 at most.');
  });
}

export function yesOption(): Option {
  return new Option('-y, --yes', 'do it without asking');
}

export function noWaitOption(): Option {
  return new Option('--no-wait', 'return when it has begun');
}

/** One of these words, whatever its case. */
function oneOf(words: readonly string[]) {
  return (text: string): string => {
    const found = words.find((one) => one.toLowerCase() === text.toLowerCase());
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`It must be one of ${words.join(', ')}.`);
  };
}
