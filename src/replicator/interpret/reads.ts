// Fenced reads: what must be asked of the engine because it is not in the stream. One transaction reads
// everything wanted and marks its place in the stream, so the values are the state at exactly that place.

import { OpFlag, OpKind } from '../../model/op.ts';
import type { Reply } from '../../resp/reply-parser.ts';
import type { Path } from '../live/json/json-path.ts';
import { libraryArgs } from '../live/libraries/library-effect.ts';
import { type FieldsRequest, fieldOps } from './field-reads.ts';
import { type JsonRequest, joinedRequest, jsonOutcome } from './json-reads.ts';
import { ListShadow } from './list-shadow.ts';
import { scoreOfText } from './ranges.ts';
import { chunks, expiryOp, type ReadOp } from './read-op.ts';
import { itemsOf, textOfReply, textsOf } from './replies.ts';
import { SortedMembers } from './sorted-members.ts';
import { type WholePurpose, type WholeRequest, wholeOutcome } from './whole-reads.ts';

export type ReadRequest =
  | WholeRequest
  /** Some fields of a document, and ops that index it. */
  | {
      readonly kind: 'document';
      readonly key: string;
      readonly names: readonly string[];
      readonly indexing: readonly (readonly string[])[];
    }
  /** Values at paths of a JSON document. */
  | JsonRequest
  /** The members of a sorted set, to tell which ones are gone. */
  | { readonly kind: 'members'; readonly key: string }
  /** Length and values of a list, to follow it; nothing is shipped. */
  | { readonly kind: 'list'; readonly key: string }
  /** Length, last ID and the first IDs of a stream, to tell how far it was cut, and which of some IDs are there. */
  | {
      readonly kind: 'streamHead';
      readonly key: string;
      readonly count: number;
      readonly places: readonly string[];
    }
  /** Up to where a consumer group has acknowledged everything. */
  | { readonly kind: 'done'; readonly key: string; readonly group: string }
  /** Where a consumer group begins that was created at the end of a stream. */
  | {
      readonly kind: 'group';
      readonly key: string;
      readonly group: string;
      readonly makesStream: boolean;
    }
  | FieldsRequest
  /** All libraries of functions, with their sources. */
  | { readonly kind: 'libraries'; readonly key: string }
  /** The expiry alone; that there is none is shipped too. `restates`: nobody changed it here. */
  | { readonly kind: 'expiry'; readonly key: string; readonly restates: boolean }
  /** Scores of some members, or a string's value when `names` is ['']. */
  | {
      readonly kind: 'cells';
      readonly key: string;
      readonly names: readonly string[];
      /** What writes left, or sums that were rounded: of those perhaps only what is no integer, as integers to which
       * integers were added are exact in every order. */
      readonly of: 'writes' | 'sums' | 'fractions';
    };

/** Reads from which ops come. */
const SHIPPED: readonly ReadRequest['kind'][] = [
  'libraries',
  'fields',
  'whole',
  'document',
  'json',
  'members',
  'expiry',
  'cells',
];

/** One request for both purposes is for the first of them. */
const CELL_PURPOSES = ['writes', 'sums', 'fractions'] as const;

/** Requests gathered for the next read. Asking twice for the same is asking once. */
export class ReadQueue {
  readonly #requests = new Map<string, ReadRequest>();

  get isEmpty(): boolean {
    return this.#requests.size === 0;
  }

  add(request: ReadRequest): void {
    const group = 'group' in request ? request.group : '';
    const id = idOf(request.kind, request.key, group);
    const present = this.#requests.get(id);
    // The first request knows what the value replaces.
    if (present?.kind === 'whole') return;
    if (present?.kind === 'cells' && request.kind === 'cells') {
      const names = [...new Set([...present.names, ...request.names])];
      const all = [present.of, request.of];
      const of = CELL_PURPOSES.find((one) => all.includes(one)) ?? 'writes';
      this.#requests.set(id, { ...present, names, of });
    } else if (present?.kind === 'fields' && request.kind === 'fields') {
      const names = [...new Set([...present.names, ...request.names])];
      this.#requests.set(id, { ...present, names });
    } else if (present?.kind === 'expiry' && request.kind === 'expiry') {
      this.#requests.set(id, { ...request, restates: present.restates && request.restates });
    } else if (present?.kind === 'json' && request.kind === 'json') {
      this.#requests.set(id, joinedRequest(present, request));
    } else if (present?.kind === 'document' && request.kind === 'document') {
      const names = [...new Set([...present.names, ...request.names])];
      const indexing = [...present.indexing, ...request.indexing];
      this.#requests.set(id, { ...request, names, indexing });
    } else {
      this.#requests.set(id, request);
    }
  }

  /** Takes out what may be read now. */
  take(mayRead: (key: string) => boolean): ReadRequest[] {
    const requests: ReadRequest[] = [];
    for (const [id, request] of this.#requests) {
      if (!mayRead(request.key)) continue;
      requests.push(request);
      this.#requests.delete(id);
    }
    return requests;
  }

  /** Puts others in the place of requests that are alike but for what is made of the reply. */
  change(changed: (request: ReadRequest) => ReadRequest): void {
    for (const [id, request] of this.#requests) this.#requests.set(id, changed(request));
  }

  /** What is wanted of a JSON document. */
  json(key: string): ReadRequest | undefined {
    return this.#requests.get(idOf('json', key));
  }

  /** Whether something of this key is wanted that will be shipped. */
  ships(key: string): boolean {
    if (this.#requests.size === 0) return false;
    return SHIPPED.some((kind) => this.#requests.has(idOf(kind, key)));
  }

  clear(): void {
    this.#requests.clear();
  }
}

function idOf(kind: ReadRequest['kind'], key: string, group = ''): string {
  return `${kind} ${key.length} ${key} ${group}`;
}

/** The ops that ship what was read, and the shadow that it makes possible. */
export interface ReadOutcome {
  readonly ops: ReadOp[];
  readonly sortedSet?: SortedMembers;
  readonly list?: ListShadow;
  /** The key holds a HyperLogLog. */
  readonly hyperLogLog?: boolean;
  /** Places of the JSON document that hold an integer. */
  readonly integersAt?: readonly Path[];
}

export function opsOfRead(
  request: ReadRequest,
  reply: Reply,
  purpose: WholePurpose = 'write',
): ReadOutcome {
  switch (request.kind) {
    case 'whole':
      return wholeOutcome(request, itemsOf(reply), purpose);
    case 'fields':
      return { ops: fieldOps(request, itemsOf(reply)) };
    case 'libraries':
      return { ops: libraryOps(itemsOf(reply)) };
    case 'document':
      return { ops: documentOps(request, itemsOf(reply)) };
    case 'json':
      return jsonOutcome(request, itemsOf(reply).map(textOfReply));
    case 'list':
      return listOutcome(itemsOf(reply));
    case 'members':
      return memberOps(request.key, itemsOf(reply));
    case 'streamHead':
    case 'done':
    case 'group':
      // stream-reads.ts has the rest of what that takes.
      return { ops: [] };
    case 'expiry':
      return { ops: [expiryOp(request, textOfReply(reply))] };
    case 'cells':
      return { ops: cellOps(request, itemsOf(reply)) };
  }
}

function listOutcome(items: Reply[]): ReadOutcome {
  const length = Number(textOfReply(items[0]) ?? Number.NaN);
  if (Number.isNaN(length)) return { ops: [] };
  const values = textsOf(items[1]);
  const isWhole = values.length === length;
  return { ops: [], list: new ListShadow(length, isWhole ? values : undefined) };
}

/** Each is a list of names and values. */
function libraryOps(libraries: Reply[]): ReadOp[] {
  return libraries.map((library) => {
    const parts = itemsOf(library);
    const textAt = (name: string): string => {
      const at = parts.findIndex((part) => textOfReply(part) === name);
      return textOfReply(parts[at + 1]) ?? '';
    };
    const args = libraryArgs('LOAD', textAt('library_name'), textAt('library_code'));
    return { kind: OpKind.libraries, args };
  });
}

function documentOps(request: ReadRequest & { kind: 'document' }, items: Reply[]): ReadOp[] {
  const { key, names, indexing } = request;
  const pairs: string[] = [];
  names.forEach((name, i) => {
    const value = textOfReply(items[i]);
    if (value !== undefined) pairs.push(name, value);
  });
  const ops = chunks(pairs, (part) => ({ kind: OpKind.hset, args: ['HSET', key, ...part] }));
  for (const args of indexing) ops.push({ kind: OpKind.ftDocument, args });
  return ops;
}

function memberOps(key: string, items: Reply[]): ReadOutcome {
  const type = textOfReply(items[0]);
  const pairs = type === 'zset' ? textsOf(items[2]) : [];
  const flags = type === 'zset' || type === 'none' ? 0 : OpFlag.otherType;
  const sortedSet = new SortedMembers();
  const members: string[] = [];
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    members.push(pairs[i] as string);
    sortedSet.set(pairs[i] as string, scoreOfText(pairs[i + 1] as string));
  }
  const ops: ReadOp[] = [{ kind: OpKind.zretain, args: ['ZRETAIN', key, ...members], flags }];
  if (members.length === 0) return { ops };
  // The set may have been emptied and filled again meanwhile: then its expiry went with the old one.
  ops.push(expiryOp({ key, restates: true }, textOfReply(items[1])));
  return { ops, sortedSet };
}

function cellOps(request: ReadRequest & { kind: 'cells' }, items: Reply[]): ReadOp[] {
  const type = textOfReply(items[0]);
  const { key, names } = request;
  const flags = request.of === 'writes' ? 0 : OpFlag.rounded;
  const skip = (text: string): boolean =>
    request.of === 'fractions' && Number.isSafeInteger(Number(text));
  if (type === 'string' && names[0] === '') {
    const value = textOfReply(items[1]);
    if (value === undefined || skip(value)) return [];
    return [{ kind: OpKind.set, args: ['SET', key, value, 'KEEPTTL'], flags }];
  }
  if (type !== 'zset') return [];
  const pairs: string[] = [];
  names.forEach((name, i) => {
    const score = textOfReply(items[i + 1]);
    if (score !== undefined && !skip(score)) pairs.push(score, name);
  });
  return chunks(pairs, (part) => ({ kind: OpKind.zadd, args: ['ZADD', key, ...part], flags }));
}
