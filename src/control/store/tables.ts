// The tables of the control plane, as kysely sees them. What stands in jsonb columns is decoded where it is read.

import type { ColumnType, JSONColumnType } from 'kysely';

/** Written as text, read as what the text says. */
type Json = JSONColumnType<object, string, string>;
type NullableJson = ColumnType<object | null, string | null, string | null>;

export interface SettingsTable {
  name: string;
  value: string;
}

export interface SubscriptionsTable {
  id: string;
  tenant_id: string;
  display_name: string;
}

export interface ResourceGroupsTable {
  key: string;
  subscription: string;
  name: string;
  location: string;
  tags: Json;
  created_ms: number;
}

/** Clusters, databases and caches. */
export interface ResourcesTable {
  /** The id in lower case. */
  key: string;
  id: string;
  type: 'cluster' | 'database' | 'cache';
  subscription: string;
  /** Key of its resource group. */
  group_key: string;
  /** Of a database: that of its cluster. */
  parent_key: string | null;
  /** Of a database: the geo-replication group that it is in. */
  geo_group: string | null;
  link_state: string | null;
  /** What was asked for. */
  settings: Json;
  /** Where and how it runs. */
  hosting: Json;
  /** Access keys, sealed. */
  secrets: string | null;
  /** Whom its engine admits besides those who have an access key. */
  access: ColumnType<object, string | undefined, string>;
  provisioning_state: string;
  resource_state: string;
  created_ms: number;
  changed_ms: number;
}

export interface GeoGroupsTable {
  id: string;
  nickname: string;
  created_ms: number;
}

export interface OperationsTable {
  id: string;
  kind: string;
  target_key: string;
  target_id: string;
  subscription: string;
  location: string;
  status: string;
  direction: string;
  step: number;
  fault: NullableJson;
  input: Json;
  principal: string;
  created_ms: number;
  ended_ms: number | null;
  /** How far it is, where it says so. */
  percent: number | null;
  /** What came of it. */
  result: NullableJson;
}

/** What an operation that is under way holds: another one that needs it is refused. */
export interface OperationLocksTable {
  key: string;
  operation_id: string;
}

export interface PrincipalsTable {
  object_id: string;
  kind: 'ServicePrincipal' | 'User';
  /** By which it signs in: an application's id, or a user's name. In lower case. */
  login: string;
  display_name: string;
  secret_hash: string;
  created_ms: number;
  /** Who signs in elsewhere: the address of that issuer, and what its tokens call them. */
  issuer: string | null;
  subject: string | null;
}

/** By the SHA-256 of the token. */
export interface RefreshTokensTable {
  digest: string;
  principal_id: string;
  client_id: string;
  created_ms: number;
  expires_ms: number;
}

export interface RoleAssignmentsTable {
  name: string;
  /** In lower case; "/" is everything. */
  scope: string;
  /** The scope as it was given. */
  shown_scope: string;
  principal_id: string;
  role_id: string;
  description: string | null;
  /** Object id; null: this control plane itself. */
  created_by: string | null;
  created_ms: number;
}

/** What was measured of a database or a cache, by the names of model/metric-definitions.ts. */
export interface MetricSamplesTable {
  /** Of its hosting: what is made anew under the same name has no past. */
  runtime: string;
  at_ms: number;
  readings: Json;
}

export interface ActivityTable {
  id: string;
  at_ms: number;
  caller: string;
  action: string;
  target_key: string;
  target_id: string;
  subscription: string;
  status: string;
  http_status: number;
  code: string | null;
  message: string | null;
  reason: string | null;
  request_id: string;
  correlation_id: string;
}

/** What belongs to a database or a cache and has an id of its own. */
export interface PartsTable {
  key: string;
  id: string;
  type: string;
  /** The database or cache; with it they go. */
  parent_key: string;
  settings: Json;
  provisioning_state: string;
  created_ms: number;
}

/** Access tokens for data that are still good, by digest. */
export interface DataTokensTable {
  digest: string;
  object_id: string;
  until_ms: number;
}

/** Other machines on which caches run. */
export interface HostsTable {
  name: string;
  region: string;
  address: string;
  port: number;
  memory_bytes: number;
  engine_version: string;
  modules: Json;
  key_fingerprint: string;
  enrolled_ms: number;
  last_seen_ms: number;
}

export interface UsedHostTokensTable {
  nonce: string;
  expires_ms: number;
}

export interface Tables {
  settings: SettingsTable;
  subscriptions: SubscriptionsTable;
  resource_groups: ResourceGroupsTable;
  resources: ResourcesTable;
  geo_groups: GeoGroupsTable;
  operations: OperationsTable;
  operation_locks: OperationLocksTable;
  principals: PrincipalsTable;
  refresh_tokens: RefreshTokensTable;
  role_assignments: RoleAssignmentsTable;
  metric_samples: MetricSamplesTable;
  activity: ActivityTable;
  parts: PartsTable;
  data_tokens: DataTokensTable;
  hosts: HostsTable;
  used_host_tokens: UsedHostTokensTable;
}
