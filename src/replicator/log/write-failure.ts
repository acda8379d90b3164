// What an operator reads when the log cannot be written.

import { OperatorError } from '../../base/errors.ts';

/** `error` is what the operating system said of `path`. */
export function writeFailure(path: string, error: unknown): OperatorError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  const reason = error instanceof Error ? error.message : String(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new OperatorError(
      'log-disk-full',
      `no space left to write the log at ${path}`,
      'free space on this file system: it goes on by itself',
    );
  }
  return new OperatorError(
    'log-write-failed',
    `cannot write the log at ${path}: ${reason}`,
    'check the directory, its permissions and the disk, then start the replicator again',
  );
}
