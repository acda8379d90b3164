// One request and its answer, over HTTPS with the authority that was named at login, or over HTTP on this machine.

import http from 'node:http';
import https from 'node:https';
import { OperatorError } from '../../base/errors.ts';
import type { Json } from './json.ts';

export interface Place {
  /** Scheme, host and port. */
  readonly url: string;
  /** PEM of the authority that signed its certificate; null: one that every system knows. */
  readonly ca: string | null;
}

export interface Call {
  readonly method: string;
  /** With its query; absolute, or behind the place's address. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Json | undefined;
}

const SILENT_MS = 100_000;
const CERTIFICATE_CODES =
  /^(SELF_SIGNED_CERT|DEPTH_ZERO|UNABLE_TO_|CERT_|ERR_TLS_CERT|ERR_SSL|EPROTO)/;
const LOOPBACK = /^(localhost|127\.[\d.]+|\[::1\])$/;

/** Throws OperatorError when there is no answer. */
export async function send(place: Place, call: Call): Promise<Answer> {
  const url = addressOf(place, call.path);
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const tls = place.ca === null ? {} : { ca: place.ca };
  const { method, headers = {}, body } = call;
  const isPlain = url.protocol === 'http:';
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  const options = { method, headers: { accept: 'application/json', ...headers, ...length } };
  const onAnswer = (response: http.IncomingMessage) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const { statusCode: status = 0, headers: answered } = response;
      resolve({ status, headers: answered, body: parsed(text) });
    });
  };
  const request = isPlain
    ? http.request(url, options, onAnswer)
    : https.request(url, { ...options, ...tls }, onAnswer);
  request.setTimeout(SILENT_MS, () => request.destroy(new Error('it does not answer')));
  request.on('error', reject);
  request.end(body);
  return await promise.catch((error: unknown) => {
    throw asOperatorError(place, error);
  });
}

/** Secrets and tokens go to the place that was logged in to, and nowhere else. */
function addressOf(place: Place, path: string): URL {
  const url = new URL(path, place.url);
  const base = new URL(place.url);
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) {
    throw new OperatorError(
      'PLAIN_BEYOND_LOOPBACK',
      `${url.origin} is no address of this machine, and has no TLS`,
      'Use an https:// address: secrets would travel in clear.',
    );
  }
  if (url.origin === base.origin) return url;
  throw new OperatorError(
    'CONTROL_ELSEWHERE',
    `the control plane at ${base.origin} refers to ${url.origin}`,
    'Log in with the address that it gives to its clients (--public-url of `atoll control`).',
  );
}

/** An answer that is no JSON counts as none: its status says enough. */
function parsed(text: string): Json | undefined {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asOperatorError({ url }: Place, error: unknown): OperatorError {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (CERTIFICATE_CODES.test(code)) {
    return new OperatorError(
      'CERTIFICATE_UNKNOWN',
      `the certificate of ${url} cannot be trusted: ${message}`,
      'Log in with --ca FILE; `atoll control` prints the file of its CA when it starts.',
    );
  }
  return new OperatorError(
    'CONTROL_UNREACHABLE',
    `there is no answer from ${url}: ${code === '' ? message : code}`,
    'Is `atoll control` running? Another address is given with `atoll login --url`.',
  );
}
