// What the control plane asks of a host on another machine, and what the host answers: the bodies of its calls, which
// both sides check. Every call brings about a state and may come again.

import { z } from 'zod';

/** The only one whom a host admits, by the common name of its certificate. */
export const CONTROL_NAME = 'atoll control plane';

/** Ports below it on a host are for clients; the control plane gives them out. */
export const LOWEST_INNER_PORT = 12_000;

/** As a host is called in its certificate, whatever its address. */
export function hostServerName(name: string): string {
  return `${name}.host.atoll`;
}

/** A part of paths in the host's folder: nothing in it leads elsewhere. */
const name = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9-]{0,99}$/);
export const hostName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);
const port = z.int().min(1).max(65_535);
const digests = z.array(z.string().regex(/^[0-9a-f]{64}$/));
const maxmemoryPolicy = z.string().regex(/^[a-z-]{1,30}$/);
const moduleNames = z.array(z.string().max(100));
const pem = z.string().max(20_000);
const nothing = z.strictObject({});

/** A line of a file of users must hold nothing but one rule. */
const rule = z.string().regex(/^[^\s\p{Cc}]{1,1000}$/u);
const namedUser = z.strictObject({
  name: z.string().regex(/^[0-9a-f-]{36}$/),
  digests,
  rules: z.array(rule).nullable(),
});

const enginePlan = z.strictObject({
  runtime: name,
  region: name,
  host: z.string().nullable(),
  address: z.string(),
  hostName: z.string(),
  port,
  isEncrypted: z.boolean(),
  plainPort: port.nullable(),
  memoryBytes: z.number(),
  maxmemoryPolicy,
  modules: moduleNames,
  digests,
  users: z.array(namedUser),
  persistence: z.strictObject({
    appendFsync: z.enum(['everysec', 'always']).nullable(),
    snapshotSeconds: z.number().nullable(),
  }),
});

const member = z.strictObject({ group: name, region: name });
const users = z.strictObject({
  clientPassword: z.string().nullable(),
  replicatorPassword: z.string().regex(/^[\w-]{1,200}$/),
  clientDigests: digests.optional(),
  named: z.array(namedUser).optional(),
});

/** How the engine of a member is started; where its files are is the host's business. */
const memberLaunch = z.strictObject({
  port,
  users,
  refusesClients: z.boolean(),
  maxmemoryBytes: z.number(),
  maxmemoryPolicy: maxmemoryPolicy.optional(),
  modules: moduleNames,
  /** Where clients connect with TLS; null: they use `port`. */
  tlsPort: port.nullable(),
});

/** Of a replicator, as a program reads them; the host puts in where files are. */
const replicatorSettings = z.looseObject({ self: z.int().min(1) });

export const hostStatus = z.strictObject({
  name: hostName,
  version: z.string(),
  engineVersion: z.string(),
  modules: moduleNames,
  /** For engines and replicators. */
  memoryBytes: z.number(),
  /** What is to run here, whether it does or not. */
  runtimes: z.array(z.string()),
  members: z.array(member),
});
export type HostStatus = z.infer<typeof hostStatus>;

const memberState = z.strictObject({
  /** The host knows of it. */
  isThere: z.boolean(),
  engine: z.boolean(),
  replicator: z.boolean(),
  /** Its engine had died, was started again, empty, and refuses its clients. */
  isDataLost: z.boolean(),
  /** The host starts again what dies of it. */
  isKept: z.boolean(),
  /** Its replicator is to run. */
  wantsReplicator: z.boolean(),
  /** Why its replicator ended, if that does not run. */
  ended: z.strictObject({ message: z.string(), reason: z.string().nullable() }).nullable(),
  /** Replica ids of which there are logs. */
  logs: z.array(z.int()),
});
export type MemberLaunch = z.infer<typeof memberLaunch>;
export const memberLaunchSchema = memberLaunch;
export const enginePlanSchema = enginePlan;
export type MemberState = z.infer<typeof memberState>;

/** Of INFO; null: the engine does not answer in time. */
const engineInfo = z.strictObject({ info: z.string().nullable() });

export const HOST_CALLS = {
  status: { body: nothing, answer: hostStatus },
  ports: {
    body: z.strictObject({ count: z.int().min(1).max(10) }),
    answer: z.strictObject({ ports: z.array(port) }),
  },
  'certificate-request': {
    body: z.strictObject({ name }),
    answer: z.strictObject({ request: pem }),
  },
  'certificate-install': {
    body: z.strictObject({ name, certificate: pem, authority: pem }),
    answer: nothing,
  },
  'engine-start': { body: z.strictObject({ plan: enginePlan }), answer: nothing },
  'engine-remove': { body: z.strictObject({ runtime: name }), answer: nothing },
  'engine-flush': { body: z.strictObject({ plan: enginePlan }), answer: nothing },
  'engine-reconfigure': { body: z.strictObject({ plan: enginePlan }), answer: nothing },
  'engine-info': { body: z.strictObject({ plan: enginePlan }), answer: engineInfo },
  'member-info': { body: member, answer: engineInfo },
  'member-engine-start': {
    body: member.extend({ launch: memberLaunch, certificate: name.nullable() }),
    answer: nothing,
  },
  'member-engine-stop': { body: member, answer: nothing },
  'member-settings': {
    body: member.extend({ settings: replicatorSettings, certificate: name }),
    answer: nothing,
  },
  'member-replicator-start': { body: member, answer: nothing },
  'member-replicator-stop': { body: member, answer: nothing },
  'member-keep': { body: member, answer: nothing },
  'member-state': { body: member, answer: memberState },
  'member-access': {
    /** `isAnew`: that its data is lost does not matter, as nobody has any. */
    body: member.extend({ users, access: z.enum(['all', 'none']), isAnew: z.boolean() }),
    answer: nothing,
  },
  'member-reconfigure': {
    body: member.extend({ memoryBytes: z.number(), maxmemoryPolicy }),
    answer: nothing,
  },
  'member-flush': { body: member, answer: z.strictObject({ keys: z.int() }) },
  'member-position': { body: member, answer: z.strictObject({ offset: z.number() }) },
  'member-hold': { body: member.extend({ id: z.int(), isFull: z.boolean() }), answer: nothing },
  'member-wipe': { body: member.extend({ id: z.int(), nextId: z.int() }), answer: nothing },
  'member-remove': { body: member, answer: nothing },
  'member-ask': {
    body: member.extend({
      path: z.string().startsWith('/').max(4_096),
      body: z.unknown().optional(),
    }),
    answer: z.strictObject({ status: z.int(), text: z.string() }),
  },
} as const;

export type HostCall = keyof typeof HOST_CALLS;
/** As it is sent, and as it arrives. */
export type CallBody<Name extends HostCall> = z.infer<(typeof HOST_CALLS)[Name]['body']>;
export type CallAnswer<Name extends HostCall> = z.infer<(typeof HOST_CALLS)[Name]['answer']>;

/** What a host says when it cannot do what it was asked for. */
export const hostFault = z.object({
  error: z.object({ code: z.string(), message: z.string(), action: z.string() }),
});
