// How a host comes to belong to a control plane. The token tells which CA that has: its certificate is taken from
// an address that is not trusted yet, compared with what the token says, and only then the token goes out, to
// whom this CA vouches for.

import http from 'node:http';
import https from 'node:https';
import { z } from 'zod';
import { OperatorError } from '../base/errors.ts';
import { certificateFingerprint } from '../group/authority.ts';

export interface EnrolmentWish {
  readonly name: string;
  readonly region: string;
  readonly address: string;
  readonly port: number;
  readonly memoryBytes: number;
  readonly engineVersion: string;
  readonly modules: readonly string[];
  /** For the host's certificate. */
  readonly request: string;
}

export interface Enrolled {
  readonly certificate: string;
  readonly authority: string;
}

const ANSWER_MS_MAX = 15_000;
const enrolledSchema = z.object({ certificate: z.string() });
const authoritySchema = z.object({ authority: z.string() });
const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** Throws OperatorError. */
export async function enrol(url: string, token: string, wish: EnrolmentWish): Promise<Enrolled> {
  const [, expected] = /\.([0-9a-f]{64})$/.exec(token.trim()) ?? [];
  if (expected === undefined) {
    throw new OperatorError(
      'TOKEN_INVALID',
      'the token is not whole',
      'Copy all of what `atoll control host-token` printed.',
    );
  }
  const base = url.replace(/\/+$/, '');
  const told = await send({ url: `${base}/hosts/authority`, method: 'GET' });
  const { authority } = authoritySchema.parse(told);
  if (certificateFingerprint(authority) !== expected) {
    throw new OperatorError(
      'CONTROL_PLANE_UNTRUSTED',
      `who answers at ${url} is not the control plane that the token is of`,
      'Compare the address, and whether somebody stands in between. The token was not sent.',
    );
  }
  const body = JSON.stringify({ ...wish, token: token.trim() });
  const answer = await send({ url: `${base}/hosts/enrol`, method: 'POST', body, ca: authority });
  return { ...enrolledSchema.parse(answer), authority };
}

interface Question {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly body?: string;
  /** Who must vouch for the other side; undefined: nobody yet. */
  readonly ca?: string;
}

async function send({ url, method, body, ca }: Question): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const isPlain = url.startsWith('http:');
  const request = (isPlain ? http : https).request(
    url,
    {
      method,
      agent: false,
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      headers: { 'content-type': 'application/json' },
      ...(isPlain ? {} : ca === undefined ? { rejectUnauthorized: false } : { ca }),
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, text });
      });
      response.on('error', reject);
    },
  );
  request.on('error', reject);
  request.end(body);
  const { status, text } = await promise.catch((error: unknown) => {
    throw new OperatorError(
      'CONTROL_PLANE_UNREACHABLE',
      `${url} does not answer: ${error instanceof Error ? error.message : String(error)}`,
      'Check --join, and that the control plane listens there (`atoll control --host`, `--public-url`).',
    );
  });
  if (status === 200) return JSON.parse(text);
  throw refused(url, status, text);
}

function refused(url: string, status: number, text: string): OperatorError {
  const action = 'Correct what it says; a new token is printed by `atoll control host-token`.';
  try {
    const { error } = errorSchema.parse(JSON.parse(text));
    return new OperatorError('ENROLMENT_REFUSED', `${error.code}: ${error.message}`, action);
  } catch {
    return new OperatorError('ENROLMENT_REFUSED', `${url} answers with status ${status}`, action);
  }
}
