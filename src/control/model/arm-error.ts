// Refusals as clients of Azure Resource Manager read them: a status, a code, a message, and for a rule that was
// broken the field and the two values that do not go together.

export interface ErrorDetail {
  readonly code: string;
  readonly message: string;
  readonly target?: string;
}

export interface AdditionalInfo {
  readonly type: string;
  readonly info: object;
}

interface ErrorExtras {
  readonly target?: string | undefined;
  readonly details?: readonly ErrorDetail[];
  readonly additionalInfo?: readonly AdditionalInfo[];
}

/** An answer that is no success, and why. Its message never holds a secret. */
export class ArmError extends Error {
  readonly status: number;
  readonly code: string;
  readonly extras: ErrorExtras;

  constructor(status: number, code: string, message: string, extras: ErrorExtras = {}) {
    super(message);
    this.name = 'ArmError';
    this.status = status;
    this.code = code;
    this.extras = extras;
  }
}

/** The wire form. */
export function errorBody(error: Pick<ArmError, 'code' | 'message' | 'extras'>): object {
  const { target, details, additionalInfo } = error.extras;
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(target === undefined ? {} : { target }),
      ...(details === undefined ? {} : { details }),
      ...(additionalInfo === undefined ? {} : { additionalInfo }),
    },
  };
}

export type FieldValue = string | number | boolean | null | readonly string[];

/** A rule that a request breaks. */
export interface Violation {
  /** Its name, which becomes the code of the error. */
  readonly rule: string;
  /** Its number in the requirements. */
  readonly requirement: string;
  /** Where in the body of the request. */
  readonly field: string;
  /** What the request says there. */
  readonly value: FieldValue;
  /** What would have been right: the value that the others have, the limit, or what may stand there. */
  readonly required: FieldValue;
  readonly message: string;
  /** It is not wrong, only not possible now. */
  readonly isConflict?: boolean;
}

/** Throws when there are violations: the first is the error, all are its details. */
export function refuse(violations: readonly Violation[]): void {
  const [first] = violations;
  if (first === undefined) return;
  const more = violations.length - 1;
  const tail =
    more === 0 ? '' : ` (and ${more} more ${more === 1 ? 'rule' : 'rules'}, see details)`;
  throw new ArmError(first.isConflict === true ? 409 : 400, first.rule, first.message + tail, {
    target: first.field,
    details: violations.map(({ rule, field, message }) => ({ code: rule, target: field, message })),
    additionalInfo: violations.map(({ rule, requirement, field, value, required }) => ({
      type: 'RuleViolation',
      info: { rule, requirement, field, value, required },
    })),
  });
}

/** A value as messages show it. */
export function shown(value: FieldValue): string {
  if (value === null) return 'nothing';
  if (typeof value === 'object') return value.length === 0 ? 'none' : value.join(', ');
  return typeof value === 'string' ? `'${value}'` : String(value);
}

export function notFound(id: string): ArmError {
  return new ArmError(404, 'ResourceNotFound', `There is no ${id}.`, { target: id });
}

export function cannotMove(id: string, from: string, to: string): ArmError {
  return new ArmError(
    409,
    'InvalidResourceLocation',
    `'${id}' is in location '${from}' and cannot move to '${to}'.`,
    { target: 'location' },
  );
}

export function badRequest(message: string, target?: string): ArmError {
  return new ArmError(400, 'BadRequest', message, { target });
}
