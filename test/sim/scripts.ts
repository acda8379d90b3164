// What the replicator's scripts do, for the model engine. The end-to-end tests run the real ones.

import {
  READ_CELLS_SCRIPT,
  READ_SCRIPT,
  REBUILD_SCRIPT,
  RETAIN_SCRIPT,
} from '../../src/replicator/resolve/scripts.ts';
import type { ModelEngine, ScriptApi } from './model-engine/model-engine.ts';
import { array, bulk, integer, type ModelReply } from './model-engine/reply.ts';

function textOf(reply: ModelReply): string {
  return reply.kind === 'bulk' || reply.kind === 'simple' ? reply.text : '';
}

function numberOf(reply: ModelReply): number {
  return reply.kind === 'integer' ? Number(reply.value) : 0;
}

function itemsOf(reply: ModelReply): readonly ModelReply[] {
  return reply.kind === 'array' ? reply.items : [];
}

const READERS: Record<string, (key: string) => string[]> = {
  string: (key) => ['GET', key],
  hash: (key) => ['HGETALL', key],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
};

export function registerScripts(engine: ModelEngine): void {
  engine.registerScript(READ_SCRIPT, ({ call }, [key = '']) => {
    const type = textOf(call(['TYPE', key]));
    if (type === 'none') return array([bulk(type)]);
    const expiry = bulk(String(numberOf(call(['PEXPIRETIME', key]))));
    const content = call(READERS[type]?.(key) ?? ['DUMP', key]);
    return array([bulk(type), expiry, content]);
  });
  engine.registerScript(READ_CELLS_SCRIPT, ({ call }, [key = ''], argv) => {
    const type = textOf(call(['TYPE', key]));
    if (type === 'string' && argv.length === 0) return array([bulk(type), call(['GET', key])]);
    if (type !== 'zset') return array([bulk(type)]);
    return array([bulk(type), ...argv.map((member) => call(['ZSCORE', key, member]))]);
  });
  engine.registerScript(RETAIN_SCRIPT, ({ call }, [key = ''], argv) => {
    const keep = new Set(argv);
    const members = itemsOf(call(['ZRANGE', key, '0', '-1'])).map(textOf);
    const gone = members.filter((member) => !keep.has(member));
    if (gone.length > 0) call(['ZREM', key, ...gone]);
    return integer(gone.length);
  });
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
