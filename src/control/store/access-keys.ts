// The two keys of a database or a cache, with which clients sign in. They are stored sealed, and shown to nobody but
// those who may list them.

import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Sealer } from './sealing.ts';

const KEY_BYTES = 32;
const shape = z.strictObject({ primary: z.string(), secondary: z.string() });

export class AccessKeys {
  readonly primary: string;
  readonly secondary: string;

  private constructor(keys: { readonly primary: string; readonly secondary: string }) {
    this.primary = keys.primary;
    this.secondary = keys.secondary;
  }

  static make(): AccessKeys {
    return new AccessKeys({ primary: newKey(), secondary: newKey() });
  }

  static unsealed(sealer: Sealer, resourceKey: string, sealed: string): AccessKeys {
    return new AccessKeys(shape.parse(JSON.parse(sealer.unseal(sealed, resourceKey))));
  }

  sealed(sealer: Sealer, resourceKey: string): string {
    const { primary, secondary } = this;
    return sealer.seal(JSON.stringify({ primary, secondary }), resourceKey);
  }

  renewed(which: 'Primary' | 'Secondary'): AccessKeys {
    return new AccessKeys({
      primary: which === 'Primary' ? newKey() : this.primary,
      secondary: which === 'Secondary' ? newKey() : this.secondary,
    });
  }

  /** As answers have them. */
  get wire() {
    return { primaryKey: this.primary, secondaryKey: this.secondary };
  }
}

function newKey(): string {
  return randomBytes(KEY_BYTES).toString('base64');
}
