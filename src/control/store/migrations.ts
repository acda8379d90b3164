// The schema, step by step. A migration that has been released is never changed; what follows is another one.
// All of them are SQL that the embedded database and PostgreSQL both know.

import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** The types of tables at the time of a migration are those of its SQL. */
type AnyTables = Kysely<unknown>;

function statements(all: readonly string[]): Migration {
  return {
    async up(db: AnyTables) {
      for (const statement of all) await sql.raw(statement).execute(db);
    },
  };
}

const FIRST: readonly string[] = [
  'create table settings (name text primary key, value text not null)',
  `create table subscriptions (
    id text primary key, tenant_id text not null, display_name text not null)`,
  `create table resource_groups (
    key text primary key, subscription text not null, name text not null, location text not null,
    tags jsonb not null, created_ms double precision not null)`,
  'create index on resource_groups (subscription, key)',
  `create table geo_groups (
    id text primary key, nickname text not null, created_ms double precision not null)`,
  `create table resources (
    key text primary key, id text not null, type text not null, subscription text not null,
    group_key text not null references resource_groups (key),
    parent_key text references resources (key),
    geo_group text references geo_groups (id), link_state text,
    settings jsonb not null, hosting jsonb not null, secrets text,
    provisioning_state text not null, resource_state text not null,
    created_ms double precision not null, changed_ms double precision not null)`,
  'create index on resources (type, subscription, key)',
  'create index on resources (group_key)',
  'create index on resources (parent_key)',
  'create index on resources (geo_group)',
  `create table operations (
    id text primary key, kind text not null, target_key text not null, target_id text not null,
    subscription text not null, location text not null, status text not null, direction text not null,
    step integer not null, fault jsonb, input jsonb not null, principal text not null,
    created_ms double precision not null, ended_ms double precision)`,
  'create index on operations (status, created_ms)',
  'create index on operations (target_key)',
  `create table operation_locks (
    key text primary key, operation_id text not null references operations (id))`,
  `create table principals (
    object_id text primary key, kind text not null, login text not null unique,
    display_name text not null, secret_hash text not null, created_ms double precision not null)`,
  `create table role_assignments (
    name text primary key, scope text not null, principal_id text not null
      references principals (object_id),
    role_id text not null, created_ms double precision not null)`,
  'create unique index on role_assignments (scope, principal_id, role_id)',
  `create table activity (
    id text primary key, at_ms double precision not null, caller text not null, action text not null,
    target_key text not null, target_id text not null, subscription text not null, status text not null,
    http_status integer not null, code text, message text, reason text,
    request_id text not null, correlation_id text not null)`,
  'create index on activity (subscription, at_ms)',
];

const DATA_OPERATIONS: readonly string[] = [
  'alter table operations add column percent double precision, add column result jsonb',
  `alter table resources add column access jsonb not null default '{"users":[]}'`,
  `create table parts (
    key text primary key, id text not null, type text not null,
    parent_key text not null references resources (key) on delete cascade,
    settings jsonb not null, provisioning_state text not null, created_ms double precision not null)`,
  'create index on parts (parent_key, type, key)',
  `create table data_tokens (
    digest text primary key, object_id text not null, until_ms double precision not null)`,
  'create index on data_tokens (object_id)',
];

const IDENTITY: readonly string[] = [
  'alter table principals add column issuer text',
  'alter table principals add column subject text',
  'create unique index on principals (issuer, subject)',
  `create table refresh_tokens (
    digest text primary key, principal_id text not null references principals (object_id),
    client_id text not null, created_ms double precision not null, expires_ms double precision not null)`,
  'create index on refresh_tokens (principal_id)',
  'alter table role_assignments add column shown_scope text',
  'update role_assignments set shown_scope = scope',
  'alter table role_assignments alter column shown_scope set not null',
  'alter table role_assignments add column description text',
  'alter table role_assignments add column created_by text',
];

const METRICS: readonly string[] = [
  `create table metric_samples (
    runtime text not null, at_ms double precision not null, readings jsonb not null,
    primary key (runtime, at_ms))`,
];

const HOSTS: readonly string[] = [
  `create table hosts (
    name text primary key, region text not null, address text not null, port integer not null,
    memory_bytes double precision not null, engine_version text not null, modules jsonb not null,
    key_fingerprint text not null, enrolled_ms double precision not null,
    last_seen_ms double precision not null)`,
  'create table used_host_tokens (nonce text primary key, expires_ms double precision not null)',
];

export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '001-first': statements(FIRST),
  '002-identity': statements(IDENTITY),
  '003-metrics': statements(METRICS),
  '004-data-operations': statements(DATA_OPERATIONS),
  '005-hosts': statements(HOSTS),
};
