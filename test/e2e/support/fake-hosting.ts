// A hosting that runs nothing, for tests of the API itself.

import type { Hosting } from '../../../src/control/hosting/hosting.ts';
import type { HostPlace } from '../../../src/control/hosting/hosts.ts';
import type { EngineEndpoint } from '../../../src/engine/client.ts';

export class FakeHosting implements Hosting {
  readonly #bytes: number;
  /** The engine of everything, where a test has one. */
  endpoint: EngineEndpoint | null = null;
  /** Null: this machine hosts every region. */
  places: HostPlace[] | null = null;
  /** What was asked of it, in order. */
  readonly calls: string[] = [];

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  capacityBytes(): number {
    return this.#bytes;
  }

  modulesOn(): readonly string[] {
    return ['RediSearch', 'RedisJSON'];
  }

  placesIn(): readonly HostPlace[] | null {
    return this.places;
  }

  #called(name: string): Promise<void> {
    this.calls.push(name);
    return Promise.resolve();
  }

  startEngine = () => this.#called('startEngine');
  removeEngine = () => this.#called('removeEngine');
  flushEngine = () => this.#called('flushEngine');
  beginGroup = () => this.#called('beginGroup');
  joinGroup = () => this.#called('joinGroup');
  relink = () => this.#called('relink');
  leaveGroup = () => this.#called('leaveGroup');
  unlink = () => this.#called('unlink');
  flushGroup = () => this.#called('flushGroup');
  reconfigure = () => this.#called('reconfigure');
  settleWrites = () => this.#called('settleWrites');
  restartEngine = () => this.#called('restartEngine');

  endpointOf(): Promise<EngineEndpoint> {
    if (this.endpoint === null) throw new Error('there is no engine');
    return Promise.resolve(this.endpoint);
  }

  keep = () => Promise.resolve();

  /** What engines say of themselves. */
  info: string | null = null;

  measure = (group: string | null) => {
    this.measured++;
    return Promise.resolve({ info: this.info, isGeoHealthy: group === null ? null : true });
  };

  measured = 0;
}
