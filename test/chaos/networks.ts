// A network for each region of a chaos run: the region's processes live in a network namespace of their own, with one
// link to the other regions and one to this process, which stands for their clients and operators. The first
// can be set down: then what was on its way is lost, nobody is told, and connections stand as if all were well.
// Needs to be root on Linux, with `ip`.

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const INSIDE = 'ATOLL_CHAOS_NETWORK';
const LINK_NAME_MAX = 15;

export interface RegionHosts {
  /** Where its clients and operators reach it. */
  readonly host: string;
  /** Where its peers do. */
  readonly peerHost: string;
}

export class Networks {
  readonly #id: string;
  readonly #regions: readonly string[];
  readonly hosts: Record<string, RegionHosts> = {};

  private constructor(regions: readonly string[]) {
    this.#id = `a${process.pid % 1_000_000}`;
    this.#regions = regions;
  }

  /** Makes them; their processes find theirs by a file in `dir`. A string says why that is not permitted here. */
  static make(regions: readonly string[], dir: string): Networks | string {
    const networks = new Networks(regions);
    try {
      networks.#make();
    } catch (error) {
      networks.remove();
      const said = error instanceof Error ? error.message.trim().split('\n').at(-1) : '';
      return `networks of their own are not permitted here: ${said}`;
    }
    const namespaces = Object.fromEntries(
      regions.map((region) => [region, networks.#space(region)]),
    );
    writeFileSync(fileIn(dir), JSON.stringify(namespaces));
    return networks;
  }

  /** A program that starts the engine in the namespace of the region whose configuration it gets. */
  engineIn(dir: string, engine: string): string {
    const file = join(dir, 'engine-in-network');
    const script = [
      '#!/bin/sh',
      // The folder of a standby is in that of its region.
      'folder="$(dirname "$1")"',
      'if [ "$(basename "$folder")" = standby ]; then folder="$(dirname "$folder")"; fi',
      `case "$1" in /*) exec ip netns exec "${this.#id}-$(basename "$folder")" "${engine}" "$@";; esac`,
      `exec "${engine}" "$@"`,
    ];
    writeFileSync(file, `${script.join('\n')}\n`);
    chmodSync(file, 0o755);
    return file;
  }

  /** Sets the link of a region with the others down or up. */
  set(region: string, state: 'up' | 'down'): void {
    ip('link', 'set', this.#link('p', region), state);
  }

  remove(): void {
    const quietly = (...args: string[]): void => {
      try {
        ip(...args);
      } catch {
        // It was not made, or is gone.
      }
    };
    for (const region of this.#regions) {
      for (const kind of ['p', 'c']) quietly('link', 'del', this.#link(kind, region));
      quietly('netns', 'del', this.#space(region));
    }
    for (const kind of ['p', 'c']) quietly('link', 'del', this.#bridge(kind));
  }

  #make(): void {
    const net = process.pid % 250;
    for (const kind of ['p', 'c']) {
      ip('link', 'add', this.#bridge(kind), 'type', 'bridge');
      ip('link', 'set', this.#bridge(kind), 'up');
    }
    ip('addr', 'add', `10.78.${net}.1/24`, 'dev', this.#bridge('c'));
    this.#regions.forEach((region, index) => {
      const space = this.#space(region);
      const hosts = { host: `10.78.${net}.${index + 2}`, peerHost: `10.77.${net}.${index + 2}` };
      this.hosts[region] = hosts;
      ip('netns', 'add', space);
      ip('-n', space, 'link', 'set', 'lo', 'up');
      this.#connect('p', region, hosts.peerHost);
      this.#connect('c', region, hosts.host);
    });
  }

  #connect(kind: string, region: string, address: string): void {
    const [outer, inner, space] = [this.#link(kind, region), `${kind}0`, this.#space(region)];
    ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', space);
    ip('link', 'set', outer, 'master', this.#bridge(kind), 'up');
    ip('-n', space, 'addr', 'add', `${address}/24`, 'dev', inner);
    ip('-n', space, 'link', 'set', inner, 'up');
  }

  #space(region: string): string {
    return `${this.#id}-${region}`;
  }

  #bridge(kind: string): string {
    return `${this.#id}${kind}b`;
  }

  #link(kind: string, region: string): string {
    return `${this.#id}${kind}${this.#regions.indexOf(region)}`.slice(0, LINK_NAME_MAX);
  }
}

/** Makes this process one of the network of the region whose settings it was started with, if there is one. */
export function enterNetwork(): void {
  const settings = process.argv[process.argv.indexOf('--config') + 1] ?? '';
  const folder = dirname(settings);
  const file = fileIn(dirname(dirname(folder)));
  if (process.env[INSIDE] !== undefined || !existsSync(file)) return;
  const namespaces: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const space = Object.entries(namespaces ?? {}).find(
    ([region]) => region === basename(folder),
  )?.[1];
  if (space === undefined || process.execve === undefined) return;
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const args = ['ip', 'netns', 'exec', String(space), ...self];
  process.execve('/usr/sbin/ip', args, { ...process.env, [INSIDE]: String(space) });
}

function fileIn(dir: string): string {
  return join(dir, 'networks.json');
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
}
