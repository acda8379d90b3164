// A request that a control plane refused, or an operation that ended in failure, in the words of published tools:
// `(Code) Message`, then what it is about and every detail. What is not there has an exit code of its own.

import { at, type Json, listAt, textAt } from './json.ts';

export const EXIT_NOT_FOUND = 3;
const NOT_FOUND = 404;
/** What is refused for the moment only. */
const EARLY = ['OperationInProgress', 'MemberNotReady'];
const LATER =
  'It is possible later: `atoll redisenterprise database wait --updated` waits until nothing is under way.';

interface Detail {
  readonly code: string;
  readonly message: string;
  readonly target: string;
}

export class ArmFailure extends Error {
  /** Of the answer; null: an operation that failed later. */
  readonly status: number | null;
  readonly code: string;
  readonly target: string;
  readonly details: readonly Detail[];
  /** What is left behind, and what can be done now. */
  hint: string;

  /** `error` as it stands in the body of an answer or in the status of an operation. */
  constructor(status: number | null, error: Json | undefined) {
    const { code, message, target } = detailOf(error);
    super(message === '' ? `The control plane answered ${status ?? 'nothing'}.` : message);
    this.name = 'ArmFailure';
    this.status = status;
    this.code = code === '' ? `HTTP ${status ?? 'failure'}` : code;
    this.target = target;
    this.hint = EARLY.includes(code) ? LATER : '';
    this.details = listAt(error, 'details').map(detailOf);
  }

  get exitCode(): number {
    return this.status === NOT_FOUND ? EXIT_NOT_FOUND : 1;
  }

  /** For standard error. */
  get lines(): string[] {
    const { code, message, target, details, hint } = this;
    const own = `(${code}) ${message}`;
    const isAllThereIs = details.length === 1 && details[0]?.code === code;
    return [
      own,
      ...(target === '' ? [] : [`Target: ${target}`]),
      ...(isAllThereIs || details.length === 0 ? [] : ['Details:']),
      ...(isAllThereIs ? [] : details.map(detailLine)),
      ...(hint === '' ? [] : [hint]),
    ];
  }
}

function detailOf(error: Json | undefined): Detail {
  return {
    code: textAt(error, 'code'),
    message: textAt(error, 'message'),
    target: textAt(error, 'target'),
  };
}

function detailLine({ code, message, target }: Detail): string {
  return `  (${code}) ${message}${target === '' ? '' : ` [${target}]`}`;
}

/** The error in the body of an answer; in that of an authority it stands a level higher. */
export function failureOf(status: number, body: Json | undefined): ArmFailure {
  const error = at(body, 'error');
  if (typeof error !== 'string') return new ArmFailure(status, error);
  return new ArmFailure(status, { code: error, message: textAt(body, 'error_description') });
}
