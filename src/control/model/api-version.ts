// The api-version of a request: any date is understood; a few defaults and requirements came with a certain one.

import { ArmError } from './arm-error.ts';

const VERSION = /^(\d{4})-(\d{2})-(\d{2})(-preview)?$/;

export class ApiVersion {
  readonly text: string;

  private constructor(text: string) {
    this.text = text;
  }

  /** Throws ArmError when the parameter is missing or no version. */
  static parse(parameter: unknown): ApiVersion {
    if (parameter === undefined || parameter === '') {
      const message =
        'The api-version query parameter (?api-version=) is required for all requests.';
      throw new ArmError(400, 'MissingApiVersionParameter', message);
    }
    const [, year, month, day] = VERSION.exec(String(parameter)) ?? [];
    const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
    const isDate = date.getUTCMonth() + 1 === Number(month) && date.getUTCDate() === Number(day);
    if (typeof parameter === 'string' && isDate) return new ApiVersion(parameter);
    const text = String(parameter).slice(0, 40);
    const message = `The api-version '${text}' is invalid: it must be a date, as in 2025-07-01 or 2025-05-01-preview.`;
    throw new ArmError(400, 'InvalidApiVersionParameter', message);
  }

  isFrom(date: string): boolean {
    return this.text.slice(0, 10) >= date;
  }

  /** Keys had to be switched off before, and have to be switched on since. */
  get keysAreOnByDefault(): boolean {
    return !this.isFrom('2025-07-01');
  }

  get needsPublicNetworkAccess(): boolean {
    return this.isFrom('2025-07-01');
  }
}
