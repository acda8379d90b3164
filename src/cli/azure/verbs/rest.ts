// `atoll rest`: any request to the control plane as the one who is logged in, for what has no command of its own.

import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { ENTERPRISE_VERSION } from '../api-versions.ts';
import type { Request } from '../client.ts';
import { needs } from '../enterprise-options.ts';
import type { Json } from '../json.ts';
import { option } from '../options.ts';
import { verb } from '../verb.ts';

interface RestOptions {
  readonly method?: Request['method'];
  readonly url?: string;
  readonly body?: Json;
}

const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE'] as const;

export function restCommand(): Command {
  return verb<RestOptions>({
    name: 'rest',
    about: 'send any request, as the one who is logged in',
    target: 'none',
    isChange: true,
    isRaw: true,
    options: [
      option('-m, --method <word>', 'default: GET', { choices: METHODS }),
      option(
        '-u, --url <path>',
        'behind the address of the control plane; {subscriptionId} is known',
        {
          spellings: ['--uri'],
        },
      ),
      option('-b, --body <json>', 'JSON, or @FILE', { parse: bodyOf }),
    ],
    check: ({ url }) => needs(url, '--url'),
    run: async ({ client, subscription }, _, { method = 'GET', url = '', body }) =>
      await client.begin({
        ...{ method, path: url.replace(/\{subscriptionId\}/gi, subscription) },
        version: ENTERPRISE_VERSION,
        ...(body === undefined ? {} : { body }),
      }),
  });
}

function bodyOf(text: string): Json {
  try {
    return JSON.parse(text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new InvalidArgumentError(`It must be JSON: ${message}`);
  }
}
