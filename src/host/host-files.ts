// The folder of a host: who it is, its keys and certificates, and what is to run. Keys are made here and stay here;
// of each only a request to certify it goes out.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { certificateRequest, newKey } from '../group/authority.ts';
import { hostName } from '../group/host-protocol.ts';

const identitySchema = z.strictObject({
  name: hostName,
  region: z.string(),
  /** Where the control plane, clients and other replicators reach it. */
  address: z.string(),
  port: z.int().min(1).max(65_535),
});
export type HostIdentity = z.infer<typeof identitySchema>;

export interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** The name of the host's own certificate among those that it has. */
export const OWN_CERTIFICATE = 'host';

export class HostFiles {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
    for (const folder of ['tls', 'engines', 'members']) {
      mkdirSync(join(dir, folder), { recursive: true, mode: 0o700 });
    }
  }

  /** null: it is not enrolled yet. */
  get identity(): HostIdentity | null {
    const file = join(this.dir, 'host.json');
    return existsSync(file) ? identitySchema.parse(readJson(file)) : null;
  }

  set identity(identity: HostIdentity) {
    writeWhole(join(this.dir, 'host.json'), JSON.stringify(identity));
  }

  tlsOf(name: string): TlsFiles {
    const file = (end: string) => join(this.dir, 'tls', `${name}${end}`);
    return { caFile: file('.ca.pem'), certFile: file('.pem'), keyFile: file('.key') };
  }

  /** A request to certify the key of this name, which is made when there is none. */
  async request(name: string): Promise<string> {
    const { keyFile } = this.tlsOf(name);
    if (!existsSync(keyFile)) writeWhole(keyFile, await newKey());
    return await certificateRequest(readFileSync(keyFile, 'utf8'));
  }

  install(name: string, certificate: string, authority: string): void {
    const { caFile, certFile } = this.tlsOf(name);
    writeWhole(caFile, authority);
    writeWhole(certFile, certificate);
  }
}

export function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** A reader sees the old file or the new one. */
export function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text.endsWith('\n') ? text : `${text}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
