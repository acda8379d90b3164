// Secrets in the database are sealed with a key that is not in it (AES-256-GCM), and passwords of those who sign in
// are kept as scrypt hashes.

import {
  createCipheriv,
  createDecipheriv,
  randomBytes,
  scrypt,
  scryptSync,
  timingSafeEqual,
} from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { OperatorError } from '../../base/errors.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SCRYPT = { N: 16_384, r: 8, p: 1 } as const;
const HASH_BYTES = 32;

export class Sealer {
  readonly #key: Buffer;

  private constructor(key: Buffer) {
    this.#key = key;
  }

  /** With the key in this file, which is made when it is not there. */
  static open(file: string): Sealer {
    if (!existsSync(file)) {
      writeFileSync(file, `${randomBytes(KEY_BYTES).toString('base64')}\n`, {
        mode: 0o600,
        flag: 'wx',
      });
    }
    const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64');
    if (key.length === KEY_BYTES) return new Sealer(key);
    throw new OperatorError(
      'SECRETS_KEY_INVALID',
      `${file} holds no key of ${KEY_BYTES} bytes`,
      'Put back the file that belongs to this database; without it access keys cannot be read.',
    );
  }

  /** `about` is bound to it: what was sealed for one resource does not open for another. */
  seal(text: string, about: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(about));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64');
  }

  unseal(sealed: string, about: string): string {
    const bytes = Buffer.from(sealed, 'base64');
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, NONCE_BYTES))
      .setAAD(Buffer.from(about))
      .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const text = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  }
}

export function hashSecret(secret: string): string {
  const salt = randomBytes(16);
  const hash = scryptSync(secret, salt, HASH_BYTES, SCRYPT);
  return `${salt.toString('base64')}:${hash.toString('base64')}`;
}

/** Beside what this process does else: a hash takes tens of milliseconds, and strangers may ask for many. */
export async function isSecret(secret: string, hash: string): Promise<boolean> {
  const [salt = '', expected = ''] = hash.split(':');
  const wanted = Buffer.from(expected, 'base64');
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  scrypt(secret, Buffer.from(salt, 'base64'), HASH_BYTES, SCRYPT, (error, given) => {
    if (error === null) resolve(given);
    else reject(error);
  });
  const given = await promise;
  return wanted.length === given.length && timingSafeEqual(wanted, given);
}
