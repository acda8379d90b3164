// The access keys of a cache or a database: printed, and replaced.

import type { Command } from 'commander';
import { needs } from '../enterprise-options.ts';
import { option } from '../options.ts';
import { verb } from '../verb.ts';

export interface KeyCommandsOptions {
  readonly target: 'cache' | 'database';
  /** What the command that replaces one is called. */
  readonly regenerate: string;
  /** Of the API. */
  readonly version: string;
}

export function keyCommands({ target, regenerate, version }: KeyCommandsOptions): Command[] {
  return [
    verb({
      ...{ name: 'list-keys', about: 'print the access keys', target },
      run: async ({ client }, { id }) =>
        await client.begin({ method: 'POST', path: `${id}/listKeys`, version }),
    }),
    verb<{ readonly keyType?: string }>({
      ...{ name: regenerate, target, isChange: true },
      about: 'replace an access key; the old one lets nobody in any more',
      options: [option('--key-type <word>', 'which', { choices: ['Primary', 'Secondary'] })],
      check: ({ keyType }) => needs(keyType, '--key-type'),
      run: async ({ client }, { id }, { keyType = '' }) => {
        const path = `${id}/regenerateKey`;
        return await client.begin({ method: 'POST', path, version, body: { keyType } });
      },
    }),
  ];
}
