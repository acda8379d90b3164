// Issuers of tokens as they stand on the command line: URL=AUDIENCE, or a file with a list of them.

import { readFileSync } from 'node:fs';
import { OperatorError } from '../base/errors.ts';
import type { IssuerSettings } from '../control/identity/issuers.ts';

/** Throws OperatorError. */
export async function issuersFrom(given: readonly string[]): Promise<IssuerSettings[]> {
  if (given.length === 0) return [];
  const { readIssuers } = await import('../control/identity/issuers.ts');
  return given.flatMap((text) => {
    const [, issuer, audience] = /^(https?:\/\/[^\s=]+)=(.+)$/.exec(text) ?? [];
    return readIssuers(issuer === undefined ? fromFile(text) : { issuer, audience });
  });
}

function fromFile(path: string): unknown {
  const text = readFileSync(path, 'utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new OperatorError(
      'ISSUER_INVALID',
      `${path} is no JSON: ${error instanceof Error ? error.message : String(error)}`,
      'Give a file with a list of {"issuer": "https://...", "audience": "..."}, or URL=AUDIENCE.',
    );
  }
}
