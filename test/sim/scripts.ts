// What the replicator's scripts do, for the model engine. The end-to-end tests run the real ones.

import { LIST_EDIT_SCRIPT, LIST_SPLICE_SCRIPT } from '../../src/replicator/resolve/list-scripts.ts';
import {
  READ_CELLS_SCRIPT,
  READ_FIELD_EXPIRIES_SCRIPT,
  READ_JSON_SCRIPT,
  READ_LIST_SCRIPT,
  READ_SCRIPT,
  REBUILD_SCRIPT,
  REMOVE_COLLECTION_SCRIPT,
  REMOVE_HYPERLOGLOG_SCRIPT,
  RETAIN_SCRIPT,
} from '../../src/replicator/resolve/scripts.ts';
import type { ModelEngine, ScriptApi } from './model-engine/model-engine.ts';
import { array, bulk, integer, type ModelReply, NULL } from './model-engine/reply.ts';
import { itemsOf, numberOf, textOf } from './script-replies.ts';
import { readStream, registerStreamScripts } from './stream-scripts.ts';

const READERS: Record<string, (key: string) => string[]> = {
  string: (key) => ['GET', key],
  hash: (key) => ['HGETALL', key],
  set: (key) => ['SMEMBERS', key],
  list: (key) => ['LRANGE', key, '0', '-1'],
  zset: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  'ReJSON-RL': (key) => ['JSON.GET', key, '.'],
};

function fieldExpiry(call: ScriptApi['call'], key: string, name: string): number {
  return numberOf(itemsOf(call(['HPEXPIRETIME', key, 'FIELDS', '1', name]))[0] ?? bulk(''));
}

export function registerScripts(engine: ModelEngine): void {
  registerStreamScripts(engine);
  engine.registerScript(READ_SCRIPT, (api, [key = ''], argv) => {
    const { call } = api;
    const type = textOf(call(['TYPE', key]));
    if (type === 'none') return array([bulk(type)]);
    const expiry = bulk(String(numberOf(call(['PEXPIRETIME', key]))));
    if (type === 'stream') return array([bulk(type), expiry, ...readStream(api, key)]);
    const content = call(READERS[type]?.(key) ?? ['DUMP', key]);
    if (type !== 'hash' || argv[0] !== '1') return array([bulk(type), expiry, content]);
    const names = itemsOf(content).filter((_, i) => i % 2 === 0);
    const pairs = names.flatMap((name) => {
      const ms = fieldExpiry(call, key, textOf(name));
      return ms > 0 ? [name, bulk(String(ms))] : [];
    });
    return array([bulk(type), expiry, content, array(pairs)]);
  });
  engine.registerScript(READ_FIELD_EXPIRIES_SCRIPT, ({ call }, [key = ''], argv) => {
    const type = textOf(call(['TYPE', key]));
    if (type !== 'hash' && type !== 'none') return array([]);
    const replies = argv.flatMap((name) => {
      const value = call(['HGET', key, name]);
      const ms = value.kind === 'bulk' ? fieldExpiry(call, key, name) : -1;
      return [value, bulk(String(ms))];
    });
    return array(replies);
  });
  engine.registerScript(READ_CELLS_SCRIPT, ({ call }, [key = ''], argv) => {
    const type = textOf(call(['TYPE', key]));
    if (type === 'string' && argv.length === 0) return array([bulk(type), call(['GET', key])]);
    if (type !== 'zset') return array([bulk(type)]);
    return array([bulk(type), ...argv.map((member) => call(['ZSCORE', key, member]))]);
  });
  engine.registerScript(READ_JSON_SCRIPT, ({ pcall }, [key = ''], paths) => {
    const values = paths.map((path) => pcall(['JSON.GET', key, path]));
    return array(values.map((value) => (value.kind === 'bulk' ? value : NULL)));
  });
  engine.registerScript(RETAIN_SCRIPT, ({ call }, [key = ''], argv) => {
    const keep = new Set(argv);
    const members = itemsOf(call(['ZRANGE', key, '0', '-1'])).map(textOf);
    const gone = members.filter((member) => !keep.has(member));
    if (gone.length > 0) call(['ZREM', key, ...gone]);
    return integer(gone.length);
  });
  engine.registerScript(REMOVE_COLLECTION_SCRIPT, ({ call }, [key = '']) => {
    const type = textOf(call(['TYPE', key]));
    return type === 'string' || type === 'none' ? integer(0) : call(['UNLINK', key]);
  });
  engine.registerScript(REMOVE_HYPERLOGLOG_SCRIPT, ({ call }, [key = '']) => {
    if (textOf(call(['TYPE', key])) !== 'string') return integer(0);
    if (textOf(call(['GETRANGE', key, '0', '3'])) !== 'HYLL') return integer(0);
    return call(['UNLINK', key]);
  });
  engine.registerScript(READ_LIST_SCRIPT, ({ call }, [key = ''], [most]) => {
    const type = textOf(call(['TYPE', key]));
    if (type !== 'none' && type !== 'list') return array([]);
    const length = numberOf(call(['LLEN', key]));
    const values = length > Number(most) ? array([]) : call(['LRANGE', key, '0', '-1']);
    return array([integer(length), values]);
  });
  engine.registerScript(LIST_SPLICE_SCRIPT, (api, [key = ''], argv) => splice(api, key, argv));
  engine.registerScript(LIST_EDIT_SCRIPT, (api, [key = ''], argv) => edit(api, key, argv));
  engine.registerScript(REBUILD_SCRIPT, (api, [key = ''], argv) => rebuild(api, key, argv));
}

function rebuild({ call }: ScriptApi, key: string, argv: readonly string[]): ModelReply {
  const ttl = argv[0] === '1' ? numberOf(call(['PEXPIRETIME', key])) : -1;
  call(['UNLINK', key]);
  for (let i = 1; i < argv.length; ) {
    const n = Number(argv[i]);
    call(argv.slice(i + 1, i + 1 + n));
    i += n + 1;
  }
  if (ttl > 0) call(['PEXPIREAT', key, String(ttl)]);
  return integer(1);
}

function splice({ call }: ScriptApi, key: string, argv: readonly string[]): ModelReply {
  const [side, aside, shown] = [argv[0], Number(argv[1]), Number(argv[2])];
  const ttl = numberOf(call(['PEXPIRETIME', key]));
  let taken: string[] = [];
  if (aside + shown > 0) {
    const name = side === 'tail' ? 'RPOP' : 'LPOP';
    taken = itemsOf(call([name, key, String(aside + shown)])).map(textOf);
  }
  if (side === 'tail') taken.reverse();
  const back: string[] = side === 'head' ? taken.splice(0, aside) : [];
  for (let i = 3; i < argv.length; i += 2) {
    const value = argv[i + 1] as string;
    if (argv[i] === 'keep') back.push(...taken.splice(0, Number(value)));
    else if (argv[i] === 'drop') taken.splice(0, Number(value));
    else {
      back.push(value);
      if (argv[i] === 'set') taken.shift();
    }
  }
  if (side === 'tail') back.push(...taken);
  if (back.length > 0) {
    call(side === 'tail' ? ['RPUSH', key, ...back] : ['LPUSH', key, ...back.reverse()]);
  }
  if (ttl > 0) call(['PEXPIREAT', key, String(ttl)]);
  return integer(back.length);
}

const MARK = 'atoll:mark';

function edit({ call }: ScriptApi, key: string, argv: readonly string[]): ModelReply {
  const ttl = numberOf(call(['PEXPIRETIME', key]));
  for (let i = 0; i < argv.length; i += 3) {
    const [step, at = '', value = ''] = argv.slice(i, i + 3);
    const length = numberOf(call(['LLEN', key]));
    if (step === 'set' || step === 'drop') {
      if (Number(at) >= length) continue;
      call(['LSET', key, at, step === 'set' ? value : MARK]);
      if (step === 'drop') call(['LREM', key, Number(at) * 2 < length ? '1' : '-1', MARK]);
    } else if (Number(at) >= length) {
      call(['RPUSH', key, value]);
    } else if (at === '0') {
      call(['LPUSH', key, value]);
    } else {
      const there = textOf(call(['LINDEX', key, at]));
      call(['LSET', key, at, MARK]);
      call(['LINSERT', key, 'BEFORE', MARK, value]);
      call(['LSET', key, String(Number(at) + 1), there]);
    }
  }
  if (ttl > 0) call(['PEXPIREAT', key, String(ttl)]);
  return integer(1);
}
