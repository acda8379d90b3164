// Errors that an operator reads. Each has a stable code, says what happened and what to do.

/** What went wrong, in words an operator can act on. */
export class OperatorError extends Error {
  readonly code: string;
  /** What to do about it. */
  readonly action: string;

  constructor(code: string, message: string, action: string) {
    super(message);
    this.name = 'OperatorError';
    this.code = code;
    this.action = action;
  }
}

/** Input from a socket or a file that is not what the format says. */
export class CorruptInput extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CorruptInput';
  }
}
