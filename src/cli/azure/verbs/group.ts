// `atoll group`: resource groups.

import type { Command } from 'commander';
import { GROUP_VERSION } from '../api-versions.ts';
import { needs } from '../enterprise-options.ts';
import { type Json, textAt } from '../json.ts';
import { option } from '../options.ts';
import type { Row } from '../render.ts';
import { pair } from '../values.ts';
import { verb, verbs } from '../verb.ts';

interface CreateOptions {
  readonly location?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

const row = (item: Json): Row => ({
  Name: textAt(item, 'name'),
  Location: textAt(item, 'location'),
  Status: textAt(item, 'properties', 'provisioningState'),
});

export function groupCommand(): Command {
  return verbs('group', 'resource groups', [
    verb<CreateOptions>({
      name: 'create',
      about: 'create a resource group',
      target: 'group',
      isChange: true,
      options: [
        option('-l, --location <region>', 'such as "East US" or eastus'),
        option('--tags <name=value...>', 'tags', { parse: pair }),
      ],
      check: ({ location }) => needs(location, '--location/-l'),
      row,
      run: async ({ client }, { id }, { location = '', tags }) =>
        await client.begin({
          ...{ method: 'PUT', path: id, version: GROUP_VERSION },
          body: { location, ...(tags === undefined ? {} : { tags }) },
        }),
    }),
    verb({
      name: 'list',
      about: 'list resource groups',
      target: 'none',
      row,
      run: async ({ client }, { id }) => await client.list(`${id}/resourceGroups`, GROUP_VERSION),
    }),
    verb({
      name: 'show',
      about: 'show a resource group',
      target: 'group',
      row,
      run: async ({ client }, { id }) => await client.get(id, GROUP_VERSION),
    }),
    verb({
      name: 'exists',
      about: 'whether there is a resource group: true or false',
      target: 'group',
      run: async ({ client }, { id }) =>
        await client.exists({ method: 'HEAD', path: id, version: GROUP_VERSION }),
    }),
    verb({
      name: 'delete',
      about: 'delete a resource group with everything in it',
      target: 'group',
      destroys: 'delete the resource group and every cache in it, with their data',
      isLong: true,
      run: async ({ client }, { id }, { wait }) => {
        const request = { method: 'DELETE', path: id, version: GROUP_VERSION } as const;
        await (wait === false ? client.begin(request) : client.finish(request));
        return undefined;
      },
    }),
  ]);
}
