// Imports RDB files into an engine. Each is read twice: once to its end, so that nothing is touched before it is
// known to be whole and readable by this engine, and once to write its keys. They are written as clients would
// write them, by RESTORE, and so replicate. One value at a time is held in memory, not a file.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Redis } from 'ioredis';
import { CorruptInput, OperatorError } from '../../base/errors.ts';
import { connectEngine, type EngineEndpoint, infoField } from '../../engine/client.ts';
import { type RdbFormat, type RdbItem, RdbItems } from '../../rdb/items.ts';
import { type OpenBlob, openBlob } from './blobs.ts';
import { type Place, shownPlace } from './places.ts';

export interface ImportWish {
  readonly engine: EngineEndpoint;
  readonly sources: readonly Place[];
  readonly signal: AbortSignal;
  /** How far it is: 0 to 1. */
  readonly onProgress: (part: number) => void;
}

export interface LoadWish extends ImportWish {
  /** Waits until what was written has been taken further; null: nobody takes it further. */
  readonly settle: (() => Promise<void>) | null;
}

export interface Imported {
  readonly keys: number;
  readonly bytes: number;
}

const BATCH_KEYS = 128;
const BATCH_BYTES = 1024 * 1024;
/** Replication must not fall behind by more than an engine keeps for it. */
const SETTLE_BYTES = 16 * 1024 * 1024;
/** Redis and Valkey parted: a Valkey does not read what Redis writes in these versions. */
const REDIS_ONLY = { from: 12, to: 79 };

/** Reads the files to their ends. Throws OperatorError when one cannot be imported. */
export async function checkFiles(wish: ImportWish): Promise<void> {
  const reads = await engineReads(wish.engine);
  await readFiles(wish, {
    format: (format, place) => checkFormat(place, format, reads),
    item: () => undefined,
  });
}

/** Writes the keys of the files. Throws OperatorError. */
export async function loadFiles(wish: LoadWish): Promise<Imported> {
  const client = await connectEngine(wish.engine, wish.signal);
  const writer = new KeyWriter(client, wish.settle);
  try {
    const bytes = await readFiles(wish, {
      format: () => undefined,
      item: (item) => writer.add(item),
    });
    await writer.end();
    return { keys: writer.keys, bytes };
  } finally {
    client.disconnect();
  }
}

interface Reader {
  readonly format: (format: RdbFormat, place: Place) => void;
  readonly item: (item: RdbItem) => Promise<void> | undefined;
}

/** Returns how many bytes they have. */
async function readFiles(wish: ImportWish, reader: Reader): Promise<number> {
  let all = 0;
  for (const [index, place] of wish.sources.entries()) {
    const { bytes: total, pieces } = await openPlace(place, wish.signal);
    all += await readFile(pieces, place, reader, (bytes) => {
      const part = total === null ? 0 : Math.min(1, bytes / total);
      wish.onProgress((index + part) / wish.sources.length);
    });
  }
  wish.onProgress(1);
  return all;
}

async function readFile(
  pieces: AsyncIterable<Buffer>,
  place: Place,
  reader: Reader,
  onBytes: (bytes: number) => void,
): Promise<number> {
  const items = new RdbItems();
  let bytes = 0;
  let isKnown = false;
  try {
    for await (const piece of pieces) {
      for (const item of items.take(piece)) {
        const work = reader.item(item);
        if (work !== undefined) await work;
      }
      if (!isKnown && items.format !== undefined) {
        isKnown = true;
        reader.format(items.format, place);
      }
      bytes += piece.length;
      onBytes(bytes);
    }
    items.end();
    return bytes;
  } catch (error) {
    if (!(error instanceof CorruptInput)) throw error;
    throw new OperatorError(
      'FILE_NOT_IMPORTABLE',
      `${shownPlace(place)} is no RDB file that can be imported: ${error.message}`,
      'Export or save it again.',
    );
  }
}

async function openPlace(place: Place, signal: AbortSignal): Promise<OpenBlob> {
  if (place.kind === 'blob') return await openBlob(place.url, signal);
  try {
    const file = await open(place.path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const about = await file.stat();
    if (!about.isFile()) {
      await file.close();
      throw new Error('it is no file');
    }
    return { bytes: about.size, pieces: file.createReadStream({ signal }) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `${place.path} cannot be read: ${why}`;
    throw new OperatorError('FILE_NOT_READABLE', message, 'Check the path and its rights.');
  }
}

/** Writes keys in batches; the next one is read while one is under way. */
class KeyWriter {
  readonly #client: Redis;
  readonly #settle: LoadWish['settle'];
  #batch: (string | Buffer)[][] = [];
  #batchBytes = 0;
  #unsettledBytes = 0;
  #underWay: Promise<void> = Promise.resolve();
  keys = 0;

  constructor(client: Redis, settle: LoadWish['settle']) {
    this.#client = client;
    this.#settle = settle;
  }

  add(item: RdbItem): Promise<void> | undefined {
    if (item.kind === 'library') {
      this.#batch.push(['FUNCTION', 'LOAD', 'REPLACE', item.code]);
      this.#batchBytes += item.code.length;
    } else {
      // What has expired in the file must not come back, not even for a moment.
      if (item.expiresAtMs !== null && item.expiresAtMs <= Date.now()) return undefined;
      const payload = item.payload();
      const until = String(item.expiresAtMs ?? 0);
      this.#batch.push(['RESTORE', item.key, until, payload, 'REPLACE', 'ABSTTL']);
      this.#batchBytes += item.key.length + payload.length;
      this.keys++;
    }
    const isFull = this.#batch.length >= BATCH_KEYS || this.#batchBytes >= BATCH_BYTES;
    return isFull ? this.#send() : undefined;
  }

  async end(): Promise<void> {
    await this.#send();
    await this.#underWay;
    await this.#settle?.();
  }

  async #send(): Promise<void> {
    await this.#underWay;
    const [batch, bytes] = [this.#batch, this.#batchBytes];
    this.#batch = [];
    this.#batchBytes = 0;
    if (batch.length === 0) return;
    this.#underWay = this.#write(batch, bytes);
    // It is looked at before the next one, or at the end.
    this.#underWay.catch(() => undefined);
  }

  async #write(batch: readonly (string | Buffer)[][], bytes: number): Promise<void> {
    const pipeline = this.#client.pipeline();
    for (const [name = '', ...args] of batch) pipeline.call(String(name), ...args);
    const replies = await pipeline.exec();
    const failure = replies?.find(([error]) => error !== null)?.[0];
    if (failure != null) throw notWritten(failure, this.keys);
    this.#unsettledBytes += bytes;
    if (this.#unsettledBytes < SETTLE_BYTES) return;
    this.#unsettledBytes = 0;
    await this.#settle?.();
  }
}

function notWritten({ message }: Error, keys: number): OperatorError {
  const some = `the import stopped within the first ${keys} keys, of which some are written`;
  if (message.startsWith('OOM')) {
    return new OperatorError(
      'IMPORT_CACHE_FULL',
      `the cache is full: ${some}`,
      'Import into a larger cache, or flush this one.',
    );
  }
  if (/bad data format/i.test(message)) {
    return new OperatorError(
      'IMPORT_VALUE_UNKNOWN',
      `the engine does not know the type of a value: ${some}`,
      'Import into a cache with the same modules and an engine that is not older.',
    );
  }
  return new OperatorError(
    'IMPORT_NOT_WRITTEN',
    `the engine refuses (${message.slice(0, 200)}): ${some}`,
    'Check the engine, and import again.',
  );
}

interface EngineReads {
  readonly name: string;
  /** The newest version of files that it reads. */
  readonly version: number;
}

async function engineReads(endpoint: EngineEndpoint): Promise<EngineReads> {
  const client = await connectEngine(endpoint);
  try {
    // Ends with the version in which this engine writes; it is the newest that it reads.
    const dump: unknown = await client.callBuffer('FUNCTION', 'DUMP');
    const version = Buffer.isBuffer(dump) ? dump.readUInt16LE(dump.length - 10) : 0;
    const info = await client.info('server');
    const valkey = infoField(info, 'valkey_version');
    const name = valkey === null ? `Redis ${infoField(info, 'redis_version')}` : `Valkey ${valkey}`;
    return { name, version };
  } finally {
    client.disconnect();
  }
}

function checkFormat(place: Place, format: RdbFormat, reads: EngineReads): void {
  const { version } = format;
  const isForeign =
    reads.version > REDIS_ONLY.to && version >= REDIS_ONLY.from && version <= REDIS_ONLY.to;
  if (version <= reads.version && !isForeign) return;
  throw new OperatorError(
    'RDB_VERSION_UNKNOWN',
    `${shownPlace(place)} is an RDB file of version ${version}, which ${reads.name} does not read: it reads up to ${isForeign ? REDIS_ONLY.from - 1 : reads.version}`,
    'Import it into a cache with a newer engine of the same kind.',
  );
}
