// What caches of the classes Basic, Standard and Premium have beside their settings: firewall rules, a schedule for
// updates, restarts.

import { z } from 'zod';
import { badRequest } from './arm-error.ts';

const address = z.ipv4('an IPv4 address');

export const firewallBody = z.object({
  properties: z.object({ startIP: address, endIP: address }),
});
export const firewallRule = z.object({ startIP: z.string(), endIP: z.string() });

const DAYS = [
  ...['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'],
  ...['Everyday', 'Weekend'],
] as const;

const entry = z.object({
  dayOfWeek: z.string().transform((given, context) => {
    const day = DAYS.find((one) => one.toLowerCase() === given.toLowerCase());
    if (day !== undefined) return day;
    context.addIssue({ code: 'custom', message: `one of ${DAYS.join(', ')}` });
    return z.NEVER;
  }),
  startHourUtc: z.int().min(0).max(23),
  maintenanceWindow: z
    .string()
    .regex(/^PT\d{1,2}H$/, 'a duration such as PT5H')
    .default('PT5H'),
});

export const scheduleBody = z.object({
  properties: z.object({ scheduleEntries: z.array(entry).min(1).max(21) }),
});
export const schedule = z.object({
  scheduleEntries: z.array(
    z.object({
      dayOfWeek: z.string(),
      startHourUtc: z.number(),
      maintenanceWindow: z.string(),
    }),
  ),
});

export const rebootBody = z.object({
  rebootType: z.string().max(30).nullish(),
  shardId: z.int().min(0).nullish(),
  ports: z.array(z.int()).max(30).nullish(),
});

const REBOOTS = ['PrimaryNode', 'SecondaryNode', 'AllNodes'] as const;

/** Throws ArmError when there is no such node here: a cache is one engine. */
export function checkReboot({ rebootType, shardId }: z.infer<typeof rebootBody>): void {
  const wanted = REBOOTS.find((one) => one.toLowerCase() === (rebootType ?? '').toLowerCase());
  if (wanted === undefined) {
    const message = `rebootType is one of ${REBOOTS.join(', ')}.`;
    throw badRequest(message, 'rebootType');
  }
  if (wanted === 'SecondaryNode') {
    throw badRequest('A cache is one engine here: it has no secondary node.', 'rebootType');
  }
  if (shardId != null && shardId > 0) {
    throw badRequest(`A cache is one engine here: there is no shard ${shardId}.`, 'shardId');
  }
}

/** The first address is not behind the last. Throws ArmError. */
export function checkRange({ startIP, endIP }: z.infer<typeof firewallRule>): void {
  if (numberOf(startIP) <= numberOf(endIP)) return;
  const message = `properties.startIP is ${startIP}, which is behind properties.endIP, ${endIP}.`;
  throw badRequest(message, 'properties.startIP');
}

function numberOf(ip: string): number {
  return ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}
