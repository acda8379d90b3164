// What a command has at hand while it runs: who is logged in and where, the client, and what it is about.

import { OperatorError } from '../../base/errors.ts';
import { type Account, readAccount } from './account-file.ts';
import { ArmClient } from './client.ts';
import type { CommonOptions } from './options.ts';
import { Progress } from './progress.ts';

export interface Session {
  readonly account: Account;
  readonly client: ArmClient;
  /** Id of the one that the command is about. */
  readonly subscription: string;
  readonly progress: Progress;
  /** Says something beside the result; nothing with --only-show-errors. */
  readonly note: (line: string) => void;
}

/** Throws OperatorError when nobody is logged in. */
export function openSession(options: CommonOptions): Session {
  const account = readAccount();
  const isTold = options.onlyShowErrors !== true;
  const progress = new Progress(process.stderr, isTold && process.stderr.isTTY);
  const onProgress = (state: string | null) => {
    if (state === null) progress.clear();
    else progress.show(state);
  };
  return {
    ...{ account, progress, subscription: subscriptionOf(account, options.subscription) },
    client: new ArmClient({ account, reason: options.reason, onProgress }),
    note: (line) => {
      if (isTold) process.stderr.write(`${line}\n`);
    },
  };
}

function subscriptionOf(account: Account, wanted: string | undefined): string {
  const known = account.subscriptions;
  if (wanted === undefined) {
    if (account.subscription !== null) return account.subscription;
    throw new OperatorError(
      'NO_SUBSCRIPTION',
      'the login has no subscription in which it may do anything',
      'Ask for a role, log in again, or name one with --subscription.',
    );
  }
  const isMeant = ({ id, name }: { id: string; name: string }): boolean =>
    [id.toLowerCase(), name.toLowerCase()].includes(wanted.toLowerCase());
  const found = known.find(isMeant)?.id ?? wanted;
  if (/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(found)) return found;
  throw new OperatorError(
    'SUBSCRIPTION_UNKNOWN',
    `there is no subscription ${wanted}`,
    `Known are ${known.map(({ id }) => id).join(', ')}.`,
  );
}
