// A PostgreSQL server for tests: in a folder of its own, on a free port of loopback, as a user that is not root (it
// refuses to run as root). Where none is installed it is fetched with apt-get if ATOLL_TEST_POSTGRES=1.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { freePorts } from '../../../src/group/ports.ts';

const READY_WITHIN_MS = 60_000;

export interface Postgres {
  /** With a password. */
  readonly url: string;
  /** A database of this server that nobody has used; its address. */
  newDatabase(): Promise<string>;
  stop(): Promise<void>;
}

/** The folder with its programs; null: there is none. */
export function findPostgres(): string | null {
  const [found] = globSync('/usr/lib/postgresql/*/bin/initdb').sort().reverse();
  if (found !== undefined) return join(found, '..');
  if (process.env.ATOLL_TEST_POSTGRES !== '1') return null;
  const options = { stdio: 'ignore' } as const;
  execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'postgresql'], options);
  const [installed] = globSync('/usr/lib/postgresql/*/bin/initdb').sort().reverse();
  return installed === undefined ? null : join(installed, '..');
}

export async function startPostgres(programs: string): Promise<Postgres> {
  const dir = mkdtempSync(join(tmpdir(), 'atoll-postgres-'));
  const user = otherUser();
  const as = user === null ? {} : user;
  if (user !== null) chownSync(dir, user.uid, user.gid);
  const data = join(dir, 'data');
  const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' };
  const initdb = ['-D', data, '-U', 'atoll', '--auth=trust', '--no-sync', '-E', 'UTF8'];
  execFileSync(join(programs, 'initdb'), initdb, { ...as, env, cwd: dir, stdio: 'ignore' });
  const [port = 0] = await freePorts(1);
  const settings = ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-k', dir];
  const server = spawn(join(programs, 'postgres'), ['-D', data, '-p', String(port), ...settings], {
    ...as,
    env,
    cwd: dir,
    stdio: 'ignore',
  });
  const gone = once(server, 'exit');
  const base = `postgres://atoll:secret@127.0.0.1:${port}`;
  const query = async (text: string): Promise<void> => {
    const client = new pg.Client({ connectionString: `${base}/postgres` });
    await client.connect();
    try {
      await client.query(text);
    } finally {
      await client.end();
    }
  };
  const deadlineMs = performance.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      await query('select 1');
      break;
    } catch (error) {
      if (performance.now() > deadlineMs || server.exitCode !== null) throw error;
      await delay(50);
    }
  }
  let databases = 0;
  return {
    url: `${base}/postgres`,
    newDatabase: async () => {
      const name = `atoll${++databases}`;
      await query(`create database ${name}`);
      return `${base}/${name}`;
    },
    stop: async () => {
      server.kill('SIGQUIT');
      await gone;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Somebody else than root; null: this process is not root. */
function otherUser(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const idOf = (flag: string): number => {
    for (const name of ['postgres', 'nobody']) {
      const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' });
      if (status === 0) return Number(stdout);
    }
    return 65_534;
  };
  return { uid: idOf('-u'), gid: idOf('-g') };
}
