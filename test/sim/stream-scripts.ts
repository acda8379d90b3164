// What the replicator's scripts for streams do, for the model engine.

import {
  LATE_CONSUMER,
  MAKER_GROUP,
  READ_GROUP_SCRIPT,
  READ_STREAM_HEAD_SCRIPT,
  STREAM_DONE_SCRIPT,
  STREAM_MERGE_SCRIPT,
} from '../../src/replicator/resolve/stream-scripts.ts';
import type { ModelEngine, ScriptApi } from './model-engine/model-engine.ts';
import { array, bulk, integer, type ModelReply } from './model-engine/reply.ts';
import { itemsOf, numberOf, textOf } from './script-replies.ts';

export function registerStreamScripts(engine: ModelEngine): void {
  engine.registerScript(STREAM_MERGE_SCRIPT, (api, [key = ''], argv) => {
    new Merge(api, key, argv).run();
    return integer(1);
  });
  engine.registerScript(STREAM_DONE_SCRIPT, (api, [key = ''], argv) => done(api, key, argv));
  engine.registerScript(READ_STREAM_HEAD_SCRIPT, ({ call }, [key = ''], [count = '', ...given]) => {
    if (textOf(call(['TYPE', key])) !== 'stream') return array([]);
    const ids = itemsOf(call(['XRANGE', key, '-', '+', 'COUNT', count])).map(idOf);
    const last = named(call(['XINFO', 'STREAM', key])).get('last-generated-id') as ModelReply;
    const there = given.filter((id) => itemsOf(call(['XRANGE', key, id, id])).length > 0);
    return array([call(['XLEN', key]), last, array(ids.map(bulk)), array(there.map(bulk))]);
  });
  engine.registerScript(READ_GROUP_SCRIPT, ({ call }, [key = ''], [group = '']) => {
    if (textOf(call(['TYPE', key])) !== 'stream') return array([]);
    const delivered = deliveredOf({ call } as ScriptApi, key, group);
    if (delivered === undefined) return array([]);
    const [first] = itemsOf(call(['XPENDING', key, group, '-', '+', '1']));
    if (first === undefined) return array([bulk(delivered)]);
    const [entry] = itemsOf(call(['XREVRANGE', key, `(${idOf(first)}`, '-', 'COUNT', '1']));
    return array([bulk(delivered), bulk(entry === undefined ? '' : idOf(entry))]);
  });
}

/** What READ_SCRIPT answers of a stream, behind type and expiry. */
export function readStream({ call }: ScriptApi, key: string): ModelReply[] {
  const groups = groupsOf({ call } as ScriptApi, key).flatMap(([name, delivered]) => {
    const [first] = itemsOf(call(['XPENDING', key, name, '-', '+', '1']));
    if (first === undefined) return [name, delivered];
    const [entry] = itemsOf(call(['XREVRANGE', key, `(${idOf(first)}`, '-', 'COUNT', '1']));
    return [name, entry === undefined ? '0-0' : idOf(entry)];
  });
  const last = named(call(['XINFO', 'STREAM', key])).get('last-generated-id') as ModelReply;
  return [call(['XRANGE', key, '-', '+']), last, array(groups.map(bulk))];
}

function idOf(entry: ModelReply): string {
  return textOf(itemsOf(entry)[0] as ModelReply);
}

function fieldsOf(entry: ModelReply): string[] {
  return itemsOf(itemsOf(entry)[1] as ModelReply).map(textOf);
}

function named(reply: ModelReply): Map<string, ModelReply> {
  const items = itemsOf(reply);
  const fields = new Map<string, ModelReply>();
  for (let i = 0; i + 1 < items.length; i += 2) {
    fields.set(textOf(items[i] as ModelReply), items[i + 1] as ModelReply);
  }
  return fields;
}

function groupsOf({ call }: ScriptApi, key: string): [name: string, delivered: string][] {
  return itemsOf(call(['XINFO', 'GROUPS', key])).map((reply) => {
    const group = named(reply);
    return [
      textOf(group.get('name') as ModelReply),
      textOf(group.get('last-delivered-id') as ModelReply),
    ];
  });
}

function deliveredOf(api: ScriptApi, key: string, group: string): string | undefined {
  return groupsOf(api, key).find(([name]) => name === group)?.[1];
}

function isLess(a: string, b: string): boolean {
  const [aMs = 0n, aSeq = 0n] = a.split('-').map(BigInt);
  const [bMs = 0n, bSeq = 0n] = b.split('-').map(BigInt);
  return aMs !== bMs ? aMs < bMs : aSeq < bSeq;
}

interface MergedEntry {
  readonly id: string;
  from: string;
  fields: string[] | undefined;
}

/** STREAM_MERGE_SCRIPT, step by step. */
class Merge {
  readonly #api: ScriptApi;
  readonly #key: string;
  readonly #argv: readonly string[];
  #at = 0;

  constructor(api: ScriptApi, key: string, argv: readonly string[]) {
    this.#api = api;
    this.#key = key;
    this.#argv = argv;
  }

  run(): void {
    const isThere = this.#isThere;
    this.#remove(isThere);
    this.#place(isThere);
    if (this.#take() === '1') this.#make();
    const [id, isExact] = [this.#take(), this.#take() === '1'];
    if (id !== '' && (isExact || this.#isThere)) {
      this.#make();
      const now = this.#lastId;
      if (isLess(now, id) || (isExact && now !== id)) this.#call('XSETID', id);
    }
    for (let i = Number(this.#take()); i > 0; i--) this.#create();
  }

  #take(): string {
    return this.#argv[this.#at++] as string;
  }

  #takeMany(): string[] {
    return Array.from({ length: Number(this.#take()) }, () => this.#take());
  }

  #call(name: string, ...args: string[]): ModelReply {
    return this.#api.call([name, this.#key, ...args]);
  }

  get #isThere(): boolean {
    return numberOf(this.#api.call(['EXISTS', this.#key])) === 1;
  }

  get #info(): Map<string, ModelReply> {
    return named(this.#api.call(['XINFO', 'STREAM', this.#key]));
  }

  get #lastId(): string {
    return textOf(this.#info.get('last-generated-id') as ModelReply);
  }

  #remove(isThere: boolean): void {
    const destroyed = this.#takeMany();
    const trims = Array.from({ length: Number(this.#take()) }, () => ({
      below: this.#take(),
      keep: this.#takeMany(),
    }));
    const gone = this.#takeMany();
    if (!isThere) return;
    for (const group of destroyed) this.#api.call(['XGROUP', 'DESTROY', this.#key, group]);
    for (const { below, keep } of trims) {
      if (keep.length === 0) this.#call('XTRIM', 'MINID', '=', below);
      const entries = itemsOf(this.#call('XRANGE', '-', `(${below}`));
      this.#delete(entries.map(idOf).filter((id) => !keep.includes(id)));
    }
    this.#delete(gone);
  }

  #delete(ids: readonly string[]): void {
    if (ids.length > 0) this.#call('XDEL', ...ids);
  }

  #place(isThere: boolean): void {
    const info = isThere ? this.#info : new Map<string, ModelReply>();
    const { entries, moved, fresh } = this.#entries(isThere);
    const pack = this.#take();
    if (isThere) this.#delete(moved);
    const top = textOf(info.get('last-generated-id') ?? bulk(''));
    const [first] = entries;
    if (!isThere || first === undefined || isLess(top, first.id)) {
      for (const { id, fields } of entries) this.#call('XADD', id, ...(fields as string[]));
      return;
    }
    const tail = itemsOf(this.#call('XRANGE', pack === '' ? first.id : pack, '+'));
    this.#delete(tail.map(idOf));
    const [rest] = itemsOf(this.#call('XREVRANGE', '+', '-', 'COUNT', '1'));
    this.#call('XSETID', rest === undefined ? '0-0' : idOf(rest));
    const merged = new Map(tail.map((entry) => [idOf(entry), fieldsOf(entry)]));
    const displaced: string[][] = [];
    for (const { id, fields } of entries) {
      const before = merged.get(id);
      if (before !== undefined && String(before) !== String(fields)) displaced.push(before);
      merged.set(id, fields as string[]);
    }
    const ids = [...merged.keys()].sort((a, b) => (isLess(a, b) ? -1 : 1));
    for (const id of ids) this.#call('XADD', id, ...(merged.get(id) as string[]));
    const last = entries.at(-1)?.id as string;
    const newTop = isLess(top, last) ? last : top;
    const known = textOf(info.get('max-deleted-entry-id') as ModelReply);
    const deleted = isLess(newTop, known) ? newTop : known;
    const added = numberOf(info.get('entries-added') as ModelReply) + fresh;
    this.#call(
      'XSETID',
      newTop,
      'ENTRIESADDED',
      String(added),
      'MAXDELETEDID',
      deleted === '0-0' ? '0-1' : deleted,
    );
    for (const fields of displaced)
      this.#call('XADD', `${this.#lastId.split('-')[0]}-*`, ...fields);
    for (const [group, delivered] of groupsOf(this.#api, this.#key)) {
      for (const entry of entries) this.#deliver(group, delivered, entry);
    }
  }

  #entries(isThere: boolean): { entries: MergedEntry[]; moved: string[]; fresh: number } {
    const entries: MergedEntry[] = [];
    const moved: string[] = [];
    let fresh = 0;
    for (let i = Number(this.#take()); i > 0; i--) {
      const given: MergedEntry = {
        id: this.#take(),
        from: this.#take(),
        fields: this.#takeMany(),
      };
      const { id, from } = given;
      const looks = isThere && from !== '';
      const old = looks ? itemsOf(this.#call('XRANGE', from, from))[0] : undefined;
      const isSame =
        old !== undefined && JSON.stringify(fieldsOf(old)) === JSON.stringify(given.fields);
      if (from === id) {
        given.from = '';
        if (isSame) continue;
      } else if (from !== '') {
        given.fields = old === undefined ? undefined : fieldsOf(old);
      }
      if (old !== undefined) moved.push(from);
      if (given.from === '' && old === undefined) fresh++;
      if (given.fields !== undefined) entries.push(given);
    }
    return { entries, moved, fresh };
  }

  #deliver(group: string, delivered: string, { id, from }: MergedEntry): void {
    if (isLess(delivered, id)) return;
    if (from === '' || isLess(delivered, from)) {
      this.#call('XCLAIM', group, LATE_CONSUMER, '0', id, 'FORCE', 'JUSTID');
      return;
    }
    const [pending] = itemsOf(this.#call('XPENDING', group, from, from, '1'));
    if (pending === undefined) return;
    const consumer = textOf(itemsOf(pending)[1] as ModelReply);
    this.#call('XCLAIM', group, consumer, '0', id, 'FORCE', 'JUSTID');
  }

  #make(): void {
    if (this.#isThere) return;
    const { call } = this.#api;
    call(['XGROUP', 'CREATE', this.#key, MAKER_GROUP, '0', 'MKSTREAM']);
    call(['XGROUP', 'DESTROY', this.#key, MAKER_GROUP]);
  }

  #create(): void {
    const [name, from, missed] = [this.#take(), this.#take(), this.#takeMany()];
    if (this.#isThere && deliveredOf(this.#api, this.#key, name) !== undefined) return;
    this.#api.call(['XGROUP', 'CREATE', this.#key, name, from, 'MKSTREAM']);
    for (const id of missed) {
      this.#call('XCLAIM', name, LATE_CONSUMER, '0', id, 'FORCE', 'JUSTID');
    }
  }
}

function done(api: ScriptApi, key: string, [group, id, ...except]: readonly string[]): ModelReply {
  const { call } = api;
  if (group === undefined || id === undefined) throw new Error('a group and an ID are missing');
  if (numberOf(call(['EXISTS', key])) === 0) return integer(0);
  const delivered = deliveredOf(api, key, group);
  if (delivered === undefined) return integer(0);
  const pending = itemsOf(call(['XPENDING', key, group, '-', id, '100000'])).map(idOf);
  const acknowledged = pending.filter((one) => !except.includes(one));
  if (acknowledged.length > 0) call(['XACK', key, group, ...acknowledged]);
  if (!isLess(delivered, id)) return integer(1);
  for (const one of except) {
    if (isLess(delivered, one)) {
      call(['XCLAIM', key, group, LATE_CONSUMER, '0', one, 'FORCE', 'JUSTID']);
    }
  }
  call(['XGROUP', 'SETID', key, group, id]);
  return integer(1);
}
