// What a case needs of a group: commands in its regions, and control over which regions are connected. The
// runner knows nothing else, so that it can be tried without replicators.

import type { JsonReply } from './matcher.ts';

export interface Mesh {
  readonly regionCount: number;
  readonly engineVersion: string;
  /** Runs a command on the region's one client connection (regions count from 1). */
  run(region: number, command: readonly string[]): Promise<JsonReply>;
  /** The same on another connection, which sees the region as any other client does. */
  runApart(region: number, command: readonly string[]): Promise<JsonReply>;
  /** Starts a command on a connection of its own; resolves when the engine has taken it in. */
  block(region: number, command: readonly string[]): Promise<PendingReply>;
  /** Subscribes; each message is a reply of its own. */
  subscribe(region: number, channel: string): Promise<PendingReply>;
  /** Connects these regions ('all': every one) until nothing moves any more, then cuts all links. */
  sync(regions: 'all' | readonly number[]): Promise<void>;
  /** Deletes everything everywhere and leaves the links cut. */
  clean(): Promise<void>;
  close(): Promise<void>;
}

/** Replies that come by themselves. */
export interface PendingReply {
  /** The next one; undefined when it has not come in time. */
  next(timeoutMs: number): Promise<JsonReply | undefined>;
  close(): void;
}
