// The configuration file of one engine: a pure function from settings to text.
//
// What the replicator relies on: one database, no persistence (an engine that restarts is refilled
// from the group, never from a stale file), a backlog that is kept even when no replica is connected
// (so that a restarted replicator resumes), and diskless synchronisation that starts at once.

export interface EngineSettings {
  readonly port: number;
  readonly bind: string;
  /** Absolute path: working directory of the engine. */
  readonly dir: string;
  /** Absolute path of the file with the users. */
  readonly aclFile: string;
  /** How much of the replication stream is kept for a replicator that was away. */
  readonly backlogBytes: number;
  /** A replicator that falls this far behind is disconnected and resumes later. */
  readonly replicaBufferBytes: number;
  /** 0 is without limit. */
  readonly maxmemoryBytes: number;
  readonly maxmemoryPolicy: string;
  /** Absolute paths of modules to load. Members of a group need the same ones. */
  readonly modules: readonly string[];
  /** The engine of which this one is a standby. */
  readonly standbyOf?: StandbyOf | undefined;
  /** Another port for clients, with TLS. */
  readonly tls?: EngineTls | null;
  /** Of an engine that is in no group; default: nothing is kept on disk. */
  readonly persistence?: EnginePersistence;
}

export interface StandbyOf {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
}

export interface EngineTls {
  readonly port: number;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface EnginePersistence {
  /** When the file of commands is written through to disk; null: there is none. */
  readonly appendFsync: 'everysec' | 'always' | null;
  /** A snapshot after so many seconds in which anything was written; null: none. */
  readonly snapshotSeconds: number | null;
}

const MEBIBYTE = 1024 * 1024;

export const ENGINE_DEFAULTS = {
  bind: '127.0.0.1',
  backlogBytes: 64 * MEBIBYTE,
  replicaBufferBytes: 1024 * MEBIBYTE,
  maxmemoryBytes: 0,
  maxmemoryPolicy: 'noeviction',
  modules: [],
} as const;

/** The text of engine.conf. */
export function renderEngineSettings(settings: EngineSettings): string {
  const lines: readonly (readonly string[])[] = [
    ['port', String(settings.port)],
    ['bind', settings.bind],
    ['protected-mode', 'yes'],
    ['dir', quoted(settings.dir)],
    ['aclfile', quoted(settings.aclFile)],
    ['daemonize', 'no'],
    ['logfile', '""'],
    // The command line stays "<binary> <this file>": it tells this engine from any other process.
    ['set-proc-title', 'no'],
    ['databases', '1'],
    ...persistenceLines(settings.persistence),
    ['stop-writes-on-bgsave-error', 'no'],
    ['repl-backlog-size', String(settings.backlogBytes)],
    ['repl-backlog-ttl', '0'],
    ['repl-diskless-sync', 'yes'],
    ['repl-diskless-sync-delay', '0'],
    ['client-output-buffer-limit', `replica ${settings.replicaBufferBytes} 0 0`],
    // A stopped engine waits this long for its replicator to read the rest of the stream.
    ['shutdown-timeout', '2'],
    ['maxmemory', String(settings.maxmemoryBytes)],
    ['maxmemory-policy', settings.maxmemoryPolicy],
    ['enable-debug-command', 'no'],
    ['enable-module-command', 'no'],
    ['enable-protected-configs', 'no'],
    ['notify-keyspace-events', '""'],
    ...standbyLines(settings.standbyOf),
    ...tlsLines(settings.tls),
    ...settings.modules.map((path) => ['loadmodule', quoted(path)]),
  ];
  const header = '# Written by atoll at every start; changes made here are lost.';
  return `${[header, ...lines.map((line) => line.join(' '))].join('\n')}\n`;
}

function standbyLines(engine: StandbyOf | undefined): string[][] {
  if (engine === undefined) return [];
  return [
    ['replicaof', engine.host, String(engine.port)],
    ['masteruser', quoted(engine.username)],
    ['masterauth', quoted(engine.password)],
    // What it was filled from must not lie in its folder: an engine that starts there would load it.
    ['repl-diskless-load', 'on-empty-db'],
    ['rdb-del-sync-files', 'yes'],
  ];
}

function persistenceLines(persistence: EnginePersistence | undefined): string[][] {
  const { appendFsync = null, snapshotSeconds = null } = persistence ?? {};
  return [
    ['save', snapshotSeconds === null ? '""' : `${snapshotSeconds} 1`],
    ['appendonly', appendFsync === null ? 'no' : 'yes'],
    ...(appendFsync === null ? [] : [['appendfsync', appendFsync]]),
  ];
}

/** A second port, with TLS: names and values as CONFIG SET takes them, the port last. */
export function tlsSettings(tls: EngineTls): (readonly [name: string, value: string])[] {
  return [
    ['tls-ca-cert-file', tls.caFile],
    ['tls-cert-file', tls.certFile],
    ['tls-key-file', tls.keyFile],
    ['tls-auth-clients', 'no'],
    ['tls-protocols', 'TLSv1.2 TLSv1.3'],
    ['tls-port', String(tls.port)],
  ];
}

function tlsLines(tls: EngineTls | null | undefined): string[][] {
  return tls == null ? [] : tlsSettings(tls).map(([name, value]) => [name, quoted(value)]);
}

/** A value as the engine's configuration parser reads it back, whatever it contains. */
function quoted(value: string): string {
  const escaped = value.replace(/["\\]/g, (char) => `\\${char}`).replace(/\n/g, '\\n');
  return `"${escaped}"`;
}
