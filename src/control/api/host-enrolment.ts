// Where a machine becomes a host. It has no access token yet: what it has is a token for hosts, which is used up.

import { isIP } from 'node:net';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Logger } from 'pino';
import { z } from 'zod';
import { requestFingerprint } from '../../group/authority.ts';
import { hostName, hostServerName } from '../../group/host-protocol.ts';
import type { HostRegistry } from '../hosts/host-registry.ts';
import { readHostToken, refusedToken } from '../hosts/host-token.ts';
import { findHost, type HostRecord, placedOn, useToken, writeHost } from '../hosts/inventory.ts';
import { ArmError, errorBody } from '../model/arm-error.ts';
import type { ApiParts } from './parts.ts';

const wishSchema = z.strictObject({
  token: z.string().max(2_000),
  name: hostName,
  region: z.string().max(100),
  address: z.string().refine((text) => isIP(text) !== 0, { error: 'it is no IP address' }),
  port: z.int().min(1).max(65_535),
  memoryBytes: z.number().min(0),
  engineVersion: z.string().max(100),
  modules: z.array(z.string().max(100)).max(20),
  request: z.string().max(10_000),
});
type Wish = z.infer<typeof wishSchema>;

export function addEnrolment(server: FastifyInstance, parts: ApiParts, log: Logger): void {
  const { hosts } = parts;
  server.get('/hosts/authority', () => ({ authority: hosts.authority.pem }));
  server.post('/hosts/enrol', async (request, reply) => {
    try {
      const wish = wishSchema.safeParse(request.body);
      if (!wish.success) {
        const [issue] = wish.error.issues;
        const what = `${issue?.path.join('.')}: ${issue?.message}`;
        throw new ArmError(400, 'InvalidRequestContent', what);
      }
      const { certificate, record } = await enrolled(parts, wish.data);
      hosts.add(record);
      log.warn({ host: record.name, region: record.region }, 'a host was enrolled');
      return { certificate };
    } catch (error) {
      if (!(error instanceof ArmError)) throw error;
      log.warn({ code: error.code, from: request.ip }, 'a host was not enrolled');
      return refused(reply, error);
    }
  });
}

function refused(reply: FastifyReply, error: ArmError): FastifyReply {
  return reply.code(error.status).send(errorBody(error));
}

/** The token counts as used only if everything else is in order. */
async function enrolled(
  { store, hosts, plans }: ApiParts,
  wish: Wish,
): Promise<{ certificate: string; record: HostRecord }> {
  const nowMs = Date.now();
  const token = readHostToken(plans.sealer, wish.token, nowMs);
  if (token.region !== wish.region) throw refusedToken(`it is for region ${token.region}`);
  const names = [hostServerName(wish.name)];
  const certificate = await signed(hosts, wish, names);
  const keyFingerprint = requestFingerprint(wish.request);
  return await store.change(async (change) => {
    if (!(await useToken(change, token, nowMs))) throw refusedToken('it has been used');
    const there = await findHost(change, wish.name);
    if (there !== undefined && there.keyFingerprint !== keyFingerprint) throw nameTaken(wish.name);
    const isMoved = there?.address !== wish.address || there.region !== wish.region;
    if (there !== undefined && isMoved) checkMovable(await placedOn(change, wish.name), wish);
    const { token: _token, request: _request, ...about } = wish;
    const enrolledMs = there?.enrolledMs ?? nowMs;
    const record = { ...about, keyFingerprint, enrolledMs, lastSeenMs: nowMs };
    await writeHost(change, record);
    return { certificate, record };
  });
}

async function signed(
  { authority }: HostRegistry,
  { request, name, address }: Wish,
  names: readonly string[],
): Promise<string> {
  try {
    return await authority.sign(request, `host ${name}`, { names, addresses: [address] });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ArmError(400, 'InvalidRequestContent', `request: ${message}`);
  }
}

/** Clients and replicators know what runs there by its address. */
function checkMovable(placed: readonly string[], { name }: Wish): void {
  if (placed.length === 0) return;
  const message = `Host '${name}' cannot get another address or region while it has ${placed.join(', ')}.`;
  throw new ArmError(409, 'HostInUse', message, { target: name });
}

function nameTaken(name: string): ArmError {
  return new ArmError(
    409,
    'HostNameTaken',
    `There is a host '${name}' already, and it has another key. Choose another --name, or forget that one first.`,
  );
}
