// How commands speak: lines for people, one JSON document for programs, and errors in either form.

import { OperatorError } from '../base/errors.ts';

/** 1: it did not work. 2: it was asked for wrongly. */
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

export function printLine(line = ''): void {
  process.stdout.write(`${line}\n`);
}

export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, null, 2));
}

/** Says what went wrong: an OperatorError in its own words, anything else with its stack. */
export function printError(error: unknown, json: boolean): void {
  const { code, message, action } = describe(error);
  if (json) printJson({ error: { code, message, action } });
  else process.stderr.write(`atoll: ${message}\n${action === '' ? '' : `  ${action}\n`}`);
}

/** Columns as wide as their widest cell; the first row is the heading. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  }
  for (const row of rows) {
    const cells = row.map((cell, index) => cell.padEnd(widths[index] ?? 0));
    printLine(cells.join('  ').trimEnd());
  }
}

/** The system refused something that it was asked for by name: a file, mostly. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'path' in error;
}

function describe(error: unknown): { code: string; message: string; action: string } {
  if (error instanceof OperatorError) {
    return { code: error.code, message: error.message, action: error.action };
  }
  if (isSystemError(error)) {
    const action = 'Check that the path is right and that you may use it.';
    return { code: error.code ?? 'SYSTEM', message: error.message, action };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    code: 'INTERNAL',
    message: `internal error: ${text}`,
    action: 'This is a fault in atoll; please report it with these lines.',
  };
}
