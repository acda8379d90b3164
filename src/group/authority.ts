// The certificate authority of a group and the certificates of its regions (ECDSA P-256).
//
// A replicator proves with its certificate that it belongs to the group (signed by the group's
// authority) and which region it is (the common name). Keys never leave the folder they are made in.

import './metadata-reflection.ts';
import { createHash, type webcrypto } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { OperatorError } from '../base/errors.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
const REGION_DAYS = 825;
/** Certificates are valid a little in the past, for peers whose clocks are behind. */
const BACKDATE_DAYS = 1;

export interface CertificateFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** For whom a certificate speaks. */
export interface CertificateHosts {
  readonly names: readonly string[];
  readonly addresses: readonly string[];
}

const LOCAL_HOSTS: CertificateHosts = { names: ['localhost'], addresses: ['127.0.0.1'] };

type KeyPair = webcrypto.CryptoKeyPair;

export class GroupAuthority {
  readonly #dir: string;
  readonly #certificate: x509.X509Certificate;
  readonly #keys: KeyPair;

  private constructor(dir: string, certificate: x509.X509Certificate, keys: KeyPair) {
    this.#dir = dir;
    this.#certificate = certificate;
    this.#keys = keys;
  }

  /** Makes a new authority in `dir` (ca.pem, ca.key). */
  static async create(dir: string, group: string): Promise<GroupAuthority> {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: randomSerial(),
      name: commonName(group),
      ...validity(AUTHORITY_DAYS),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    writeSecret(join(dir, 'ca.pem'), certificate.toString('pem'));
    writeSecret(join(dir, 'ca.key'), await exportKey(keys.privateKey));
    return new GroupAuthority(dir, certificate, keys);
  }

  /** Opens the authority made in `dir` earlier. */
  static async open(dir: string): Promise<GroupAuthority> {
    const certificate = new x509.X509Certificate(readFileSync(join(dir, 'ca.pem'), 'utf8'));
    const key = x509.PemConverter.decodeFirst(readFileSync(join(dir, 'ca.key'), 'utf8'));
    const privateKey = await crypto.subtle.importKey('pkcs8', key, ALGORITHM, true, ['sign']);
    const publicKey = await certificate.publicKey.export();
    return new GroupAuthority(dir, certificate, { privateKey, publicKey });
  }

  /** The certificate that the region has, or a new one. */
  async certificateOf(region: string): Promise<CertificateFiles> {
    const files = this.#filesOf(region);
    return existsSync(files.keyFile) ? files : await this.issue(region);
  }

  #filesOf(region: string): CertificateFiles {
    return {
      caFile: join(this.#dir, 'ca.pem'),
      certFile: join(this.#dir, `${region}.pem`),
      keyFile: join(this.#dir, `${region}.key`),
    };
  }

  /** Makes the key and certificate of a region (<region>.pem, <region>.key); replaces older ones. */
  async issue(region: string, hosts: CertificateHosts = LOCAL_HOSTS): Promise<CertificateFiles> {
    const keys = await generateKeys();
    const certificate = await this.#certify(region, keys.publicKey, hosts);
    const files = this.#filesOf(region);
    writeSecret(files.certFile, certificate);
    writeSecret(files.keyFile, await exportKey(keys.privateKey));
    return files;
  }

  /** A certificate (PEM) for a key that was made elsewhere. Throws OperatorError when who asks does not have the key. */
  async sign(request: string, name: string, hosts: CertificateHosts): Promise<string> {
    const wanted = requestFrom(request);
    if (wanted === null || !(await wanted.verify())) {
      throw new OperatorError(
        'CERTIFICATE_REQUEST_INVALID',
        'the request for a certificate cannot be read, or is not signed with its own key',
        'Send a PKCS #10 request in PEM.',
      );
    }
    return await this.#certify(name, await wanted.publicKey.export(), hosts);
  }

  /** Its own certificate. */
  get pem(): string {
    return this.#certificate.toString('pem');
  }

  async #certify(
    name: string,
    publicKey: webcrypto.CryptoKey,
    hosts: CertificateHosts,
  ): Promise<string> {
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: randomSerial(),
      subject: commonName(name),
      issuer: this.#certificate.subject,
      ...validity(REGION_DAYS),
      publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        // Every replicator is both: it listens for its peers and connects to them.
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        new x509.SubjectAlternativeNameExtension([
          ...hosts.names.map((value) => ({ type: 'dns' as const, value })),
          ...hosts.addresses.map((value) => ({ type: 'ip' as const, value })),
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
      ],
    });
    return certificate.toString('pem');
  }
}

/** A new key (PEM), for whom a certificate is going to be asked for. */
export async function newKey(): Promise<string> {
  return await exportKey((await generateKeys()).privateKey);
}

/** A request (PKCS #10, PEM) to certify this key. */
export async function certificateRequest(keyPem: string): Promise<string> {
  const key = x509.PemConverter.decodeFirst(keyPem);
  const privateKey = await crypto.subtle.importKey('pkcs8', key, ALGORITHM, true, ['sign']);
  const { d: _secret, ...open } = await crypto.subtle.exportKey('jwk', privateKey);
  const jwk = { ...open, key_ops: ['verify'] };
  const publicKey = await crypto.subtle.importKey('jwk', jwk, ALGORITHM, true, ['verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: commonName('atoll'),
    keys: { privateKey, publicKey },
    signingAlgorithm: ALGORITHM,
  });
  return request.toString('pem');
}

/** Tells one key from all others, in a request to certify it. */
export function requestFingerprint(request: string): string {
  const wanted = requestFrom(request);
  return wanted === null ? '' : sha256(Buffer.from(wanted.publicKey.rawData));
}

/** Of a certificate (PEM), as people compare it: SHA-256 in hexadecimal digits. */
export function certificateFingerprint(pem: string): string {
  return sha256(Buffer.from(x509.PemConverter.decodeFirst(pem)));
}

function requestFrom(pem: string): x509.Pkcs10CertificateRequest | null {
  try {
    return new x509.Pkcs10CertificateRequest(pem);
  } catch {
    return null;
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function generateKeys() {
  return await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function commonName(name: string): x509.JsonName {
  return [{ CN: [name] }];
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  const nowMs = Date.now();
  return {
    notBefore: new Date(nowMs - BACKDATE_DAYS * DAY_MS),
    notAfter: new Date(nowMs + days * DAY_MS),
  };
}

function randomSerial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  // The first bit stays 0: a serial number is a positive integer.
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

function writeSecret(path: string, text: string): void {
  writeFileSync(path, text.endsWith('\n') ? text : `${text}\n`, { mode: 0o600 });
}
