// Blobs behind http(s) URLs. One that fits into a block is sent in one request, with its length. Of a larger one the
// length is not known ahead: behind a shared access signature it goes in blocks, as Azure Storage wants it, and to
// anybody else in one request that is streamed. Redirects are not followed: nobody sends data elsewhere.

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { OperatorError } from '../../base/errors.ts';

export const BLOCK_BYTES = 4 * 1024 * 1024;
const SILENCE_MS_MAX = 60_000;
const ATTEMPTS = 3;
const PAUSE_MS = 300;
const STORAGE_VERSION = '2021-08-06';

interface Sending {
  readonly method: 'GET' | 'PUT';
  readonly url: URL;
  readonly headers: http.OutgoingHttpHeaders;
  readonly body?: AsyncIterable<Buffer> | Buffer;
  readonly signal: AbortSignal;
}

/** Throws OperatorError BLOB_REFUSED or BLOB_UNREACHABLE; what `pieces` throws goes through. */
export async function putBlob(
  url: URL,
  pieces: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<void> {
  const blocks = blocksOf(pieces)[Symbol.asyncIterator]();
  const first = await blocks.next();
  const second = await blocks.next();
  const type = { 'x-ms-blob-type': 'BlockBlob', 'x-ms-version': STORAGE_VERSION };
  const put = { method: 'PUT', signal } as const;
  if (second.done === true) {
    const body = first.done === true ? Buffer.alloc(0) : first.value;
    return await sendAgain({ ...put, url, headers: type, body });
  }
  const all = [first.value ?? Buffer.alloc(0), second.value] as const;
  const rest = joined(all, blocks);
  if (!url.searchParams.has('sig')) {
    return await discard(await send({ ...put, url, headers: type, body: rest }));
  }
  const ids: string[] = [];
  const version = { 'x-ms-version': STORAGE_VERSION };
  for await (const body of rest) {
    const id = Buffer.from(String(ids.length).padStart(8, '0')).toString('base64');
    ids.push(id);
    const block = withQuery(url, { comp: 'block', blockid: id });
    await sendAgain({ ...put, url: block, headers: version, body });
  }
  const list = ids.map((id) => `<Latest>${id}</Latest>`).join('');
  const body = Buffer.from(`<?xml version="1.0" encoding="utf-8"?><BlockList>${list}</BlockList>`);
  await sendAgain({ ...put, url: withQuery(url, { comp: 'blocklist' }), headers: version, body });
}

export interface OpenBlob {
  /** null: nobody says. */
  readonly bytes: number | null;
  readonly pieces: AsyncIterable<Buffer>;
}

/** Throws OperatorError; so do the pieces when they end too early. */
export async function openBlob(url: URL, signal: AbortSignal): Promise<OpenBlob> {
  const headers = { 'x-ms-version': STORAGE_VERSION };
  const response = await send({ method: 'GET', url, headers, signal });
  const length = Number(response.headers['content-length'] ?? Number.NaN);
  return { bytes: Number.isSafeInteger(length) ? length : null, pieces: bodyOf(url, response) };
}

async function* bodyOf(url: URL, response: http.IncomingMessage): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) yield chunk;
  } catch (error) {
    throw unreachable(url, error);
  }
}

/** Pieces of BLOCK_BYTES, and a last one. */
async function* blocksOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    for (let from = 0; from < piece.length; ) {
      const part = piece.subarray(from, from + BLOCK_BYTES - bytes);
      held.push(part);
      bytes += part.length;
      from += part.length;
      if (bytes < BLOCK_BYTES) continue;
      yield Buffer.concat(held);
      held = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield Buffer.concat(held);
}

async function* joined(
  first: readonly Buffer[],
  rest: AsyncIterator<Buffer>,
): AsyncGenerator<Buffer> {
  yield* first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    yield next.value;
  }
}

/** What has a length can be sent again. */
async function sendAgain(sending: Sending & { readonly body: Buffer }): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await discard(await send(sending));
    } catch (error) {
      const isHopeless = error instanceof OperatorError && error.code === 'BLOB_REFUSED';
      if (isHopeless || attempt === ATTEMPTS || sending.signal.aborted) throw error;
      await delay(PAUSE_MS * attempt, undefined, { signal: sending.signal });
    }
  }
}

/** Resolves with an answer of success. */
async function send({
  method,
  url,
  headers,
  body,
  signal,
}: Sending): Promise<http.IncomingMessage> {
  const request = (url.protocol === 'https:' ? https : http).request(url, {
    ...{ method, signal, agent: false },
    headers: Buffer.isBuffer(body) ? { ...headers, 'content-length': body.length } : headers,
  });
  request.setTimeout(SILENCE_MS_MAX, () => request.destroy(new Error('it is silent')));
  const answer = Promise.withResolvers<http.IncomingMessage>();
  answer.promise.catch(() => undefined);
  request.on('response', answer.resolve);
  request.on('error', (error) => answer.reject(unreachable(url, error)));
  let isAnswered = false;
  const mark = (): void => {
    isAnswered = true;
  };
  answer.promise.then(mark, mark);
  if (Buffer.isBuffer(body)) request.write(body);
  else if (body !== undefined) {
    try {
      for await (const piece of body) {
        // One who refuses says so before everything is sent.
        if (isAnswered) break;
        if (!request.write(piece)) await Promise.race([once(request, 'drain'), answer.promise]);
      }
    } catch (error) {
      request.destroy();
      throw error;
    }
  }
  request.end();
  const response = await answer.promise;
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return response;
  response.destroy();
  request.destroy();
  throw status >= 500 ? unreachable(url, new Error(answered(response))) : refused(url, response);
}

async function discard(response: http.IncomingMessage): Promise<void> {
  response.resume();
  if (!response.complete) await once(response, 'end');
}

function withQuery(url: URL, query: Readonly<Record<string, string>>): URL {
  const wanted = new URL(url);
  // Appended as text: a signature stays as it was written.
  const added = new URLSearchParams(query).toString();
  wanted.search = wanted.search === '' ? added : `${wanted.search}&${added}`;
  return wanted;
}

function answered({ statusCode, headers }: http.IncomingMessage): string {
  const code = headers['x-ms-error-code'];
  const isCode = typeof code === 'string' && /^\w{1,60}$/.test(code);
  return `it answers ${statusCode}${isCode ? ` (${code})` : ''}`;
}

function refused(url: URL, response: http.IncomingMessage): OperatorError {
  return new OperatorError(
    'BLOB_REFUSED',
    `${url.origin}${url.pathname}: ${answered(response)}`,
    'Check the URL, that its signature has not expired, and what it permits.',
  );
}

function unreachable(url: URL, error: unknown): OperatorError {
  if (error instanceof OperatorError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new OperatorError(
    'BLOB_UNREACHABLE',
    `${url.origin}${url.pathname}: ${why}`,
    'Check the URL and the network.',
  );
}
