// The check before an engine that already runs joins a group: only an empty engine that keeps
// nothing on disk may, since what it held would exist in one region only, and a file read back at a
// restart would bring values that the group has long changed.

import { OperatorError } from '../base/errors.ts';
import { connectEngine, type EngineEndpoint, infoField } from './client.ts';
import { type EngineKind, isNewEnough } from './find.ts';

/** Throws an OperatorError naming the first thing that stands against this engine joining a group. */
export async function checkEmptyEngine(endpoint: EngineEndpoint): Promise<void> {
  const where = `engine ${endpoint.host}:${endpoint.port}`;
  const client = await connectEngine(endpoint).catch((error: Error) => {
    const message = `${where} does not answer: ${error.message}`;
    throw new OperatorError('ENGINE_UNREACHABLE', message, 'Start it, or correct the address.');
  });
  try {
    checkVersion(where, await client.info('server'));
    checkRole(where, await client.info('replication'));
    checkKeys(where, await client.info('keyspace'));
    const settings = new Map<string, string>();
    for (const name of ['save', 'appendonly', 'databases']) {
      const answer: unknown = await client.config('GET', name);
      settings.set(name, settingValue(answer, name));
    }
    checkSettings(where, settings);
  } finally {
    client.disconnect();
  }
}

/** `info` is the answer of INFO server. */
export function checkVersion(where: string, info: string): void {
  const valkey = infoField(info, 'valkey_version');
  const kind: EngineKind = valkey === null ? 'redis' : 'valkey';
  const version = valkey ?? infoField(info, 'redis_version') ?? '0';
  if (isNewEnough({ kind, version })) return;
  throw new OperatorError(
    'ENGINE_TOO_OLD',
    `${where} is too old: ${kind} ${version}`,
    'Use Redis 7.0 or newer or Valkey 7.2 or newer.',
  );
}

/** `info` is the answer of INFO replication. */
export function checkRole(where: string, info: string): void {
  if (infoField(info, 'role') === 'master') return;
  throw new OperatorError(
    'ENGINE_IS_REPLICA',
    `${where} is a replica of another server`,
    'Make it a primary first: REPLICAOF NO ONE.',
  );
}

function checkKeys(where: string, info: string): void {
  const match = /^db(\d+):keys=(\d+)/m.exec(info);
  if (match === null) return;
  throw new OperatorError(
    'ENGINE_NOT_EMPTY',
    `${where} holds ${match[2]} keys in database ${match[1]}, but a new member begins empty`,
    'Use an empty engine; to keep this data, load it through a client once the group is up.',
  );
}

function checkSettings(where: string, settings: ReadonlyMap<string, string>): void {
  const persistence = [
    ...(settings.get('save') === '' ? [] : [`save "${settings.get('save')}"`]),
    ...(settings.get('appendonly') === 'no' ? [] : ['appendonly yes']),
  ];
  if (persistence.length > 0) {
    throw new OperatorError(
      'ENGINE_PERSISTENT',
      `${where} has persistence switched on: ${persistence.join(', ')}`,
      'Switch it off (save "", appendonly no): a restart must not bring back old values.',
    );
  }
  if (settings.get('databases') !== '1') {
    throw new OperatorError(
      'ENGINE_DATABASES',
      `${where} has ${settings.get('databases')} databases`,
      'Set databases 1 in its configuration and restart it: a group replicates one database.',
    );
  }
}

/** CONFIG GET answers a list in RESP2 and a map in RESP3. */
function settingValue(answer: unknown, name: string): string {
  if (Array.isArray(answer)) return String(answer[1] ?? '');
  if (answer instanceof Map) return String(answer.get(name) ?? '');
  if (typeof answer === 'object' && answer !== null) {
    return String(Object.entries(answer).find(([key]) => key === name)?.[1] ?? '');
  }
  return '';
}
