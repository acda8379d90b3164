// The state of the control plane, in SQL: PGlite in a folder by default, PostgreSQL by its address.
//
// Every change is one transaction, and changes come one after the other (an advisory lock sees to it where there
// are several connections): what a change was judged on is still true when it is written.

import { PGlite } from '@electric-sql/pglite';
import {
  type Kysely,
  PGliteDialect,
  PostgresDialect,
  Kysely as Sql,
  sql,
  type Transaction,
} from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import pg from 'pg';
import { OperatorError } from '../../base/errors.ts';
import { MIGRATIONS } from './migrations.ts';
import type { Tables } from './tables.ts';

/** Inside a change, or for reading. */
export type Db = Kysely<Tables>;
export type Change = Transaction<Tables>;

/** Any number that other programs on the same database do not use. */
const CHANGE_LOCK = 470_225_177;

export interface StoreOptions {
  /** postgres://...; else `dir` holds the embedded database, and without either it is in memory. */
  readonly url?: string | undefined;
  readonly dir?: string | undefined;
}

export class Store {
  readonly db: Db;

  private constructor(db: Db) {
    this.db = db;
  }

  /** Opens it and brings its schema up to date. Throws OperatorError. */
  static async open({ url, dir }: StoreOptions): Promise<Store> {
    const where = url === undefined ? (dir ?? 'memory') : withoutPassword(url);
    try {
      const dialect =
        url === undefined
          ? new PGliteDialect({ pglite: await PGlite.create(dir ?? 'memory://') })
          : new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 8 }) });
      const store = new Store(new Sql<Tables>({ dialect }));
      await store.#migrate();
      return store;
    } catch (error) {
      throw new OperatorError(
        'DATABASE_UNUSABLE',
        `the database of the control plane (${where}) cannot be used: ${error instanceof Error ? error.message : String(error)}`,
        'Check --database (postgres://user:password@host/name), or the folder given with --data.',
      );
    }
  }

  /** Runs `work` as one change. What it throws undoes it. */
  async change<Result>(work: (change: Change) => Promise<Result>): Promise<Result> {
    return await this.db.transaction().execute(async (change) => {
      await sql`select pg_advisory_xact_lock(${CHANGE_LOCK})`.execute(change);
      return await work(change);
    });
  }

  async close(): Promise<void> {
    await this.db.destroy();
  }

  async #migrate(): Promise<void> {
    const provider = {
      getMigrations: async (): Promise<Record<string, Migration>> => ({ ...MIGRATIONS }),
    };
    const { error } = await new Migrator({ db: this.db, provider }).migrateToLatest();
    if (error !== undefined) throw error;
  }
}

function withoutPassword(url: string): string {
  return url.replace(/:\/\/([^:@/]*):[^@/]*@/, '://$1:***@');
}

/** A value of the settings table; made by `make` and written down when there is none. */
export async function settingOf(db: Db, name: string, make: () => string): Promise<string> {
  const found = await db
    .selectFrom('settings')
    .select('value')
    .where('name', '=', name)
    .executeTakeFirst();
  if (found !== undefined) return found.value;
  const value = make();
  await db.insertInto('settings').values({ name, value }).execute();
  return value;
}
