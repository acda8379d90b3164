// What the registry says of a command. The tables of docs/semantics.md are written from these rows
// (tools/semantics-table.ts), the engine's users file takes what is denied from them, and tests hold
// them against the interpreter, against the engine's own list of commands and against its stream.

import type { MergeRuleName } from './merge-rules.ts';

/** How a command comes to the replicator. */
export type Reach =
  /** In the stream under its own name, where the interpreter has a rule for it (if only to pass it over). */
  | 'rule'
  /** In the stream under its own name; the rule for any other command applies. */
  | 'default'
  /** As the commands that it runs. */
  | 'effects'
  /** Not at all. */
  | 'nothing'
  /** Only as these commands, which the engine puts into the stream in its place. */
  | { readonly propagatedAs: readonly string[] };

export interface Denial {
  readonly reason: string;
  /** Subcommands that stay allowed. */
  readonly except?: readonly string[];
}

export interface CommandRow {
  /** In upper case. `XGROUP CREATE` is a subcommand; `TS.*` is every name that begins with `TS.`. */
  readonly names: readonly string[];
  /** Where it is, unless every engine that can be used has it. */
  readonly since?: string;
  readonly reach: Reach;
  /** What the op is. Where it is missing, the commands that the engine propagates. */
  readonly as?: string;
  readonly merges?: readonly MergeRuleName[];
  readonly caveats?: string;
  /** Clients may not run it; the rest of the row is for an engine where they can all the same. */
  readonly denied?: Denial;
}

export interface CommandGroup {
  readonly title: string;
  readonly rows: readonly CommandRow[];
}
