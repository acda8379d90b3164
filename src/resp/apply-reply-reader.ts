// Reads the replies to the transactions that put remote writes into the engine. Thousands of replies
// per batch say nothing but "+QUEUED" or ":1": they are passed over without becoming values. What is
// kept is what the apply stage acts on: was the transaction executed, which of its commands failed.
//
// Replies come in the order of the requests, so the reader is told what was sent, in that order.

import { CorruptInput } from '../base/errors.ts';
import { isAggregate, type Reply, ReplyBuilder } from './reply-parser.ts';
import { ReplyMark, ReplyTokens } from './reply-tokens.ts';

/** `index` counts the commands between MULTI and EXEC from 0; -1 is MULTI or EXEC itself. */
export interface CommandFailure {
  index: number;
  message: string;
}

/** How a MULTI .. EXEC ended. */
export interface TransactionReply {
  kind: 'transaction';
  /**
   * committed: executed, except the commands in `errors`. refused: a watched key had changed.
   * aborted: nothing was executed, `errors[0]` is the first reason the engine gave.
   */
  outcome: 'committed' | 'refused' | 'aborted';
  errors: readonly CommandFailure[];
  /** What the commands answered; only when asked for, and only when committed. */
  results?: Reply[];
}

export type ApplyReply =
  | TransactionReply
  /** ROLE: where the replication stream stands. */
  | { kind: 'role'; primary: boolean; offset: number }
  | { kind: 'reply'; reply: Reply };

type Expectation =
  | { kind: 'transaction'; queued: number; keep: boolean }
  | { kind: 'role' }
  | { kind: 'reply' };

const QUEUED = Buffer.from('+QUEUED\r\n', 'latin1');
const NO_FAILURES: readonly CommandFailure[] = Object.freeze([]);

/** An incremental reader of the replies to transactions, ROLE and the odd other command. */
export class ApplyReplyReader {
  #tokens = new ReplyTokens();
  #builder = new ReplyBuilder();
  #expected: Expectation[] = [];

  // The transaction under way.
  /** 0: MULTI's reply is next, 1..queued: a command's, then EXEC's. */
  #position = 0;
  #multiRefused = false;
  #failures: CommandFailure[] = [];
  /** Elements of EXEC's array that are complete; -1 while it has not begun. */
  #elements = -1;
  /** Elements left of each array that is being passed over, the innermost last. */
  #open: number[] = [];

  /** MULTI, `queued` commands and EXEC were sent. `keep`: their results are wanted. */
  expect(queued: number, keep = false): void {
    this.#expected.push({ kind: 'transaction', queued, keep });
  }

  /** ROLE was sent. */
  expectRole(): void {
    this.#expected.push({ kind: 'role' });
  }

  /** Some other command was sent, such as WATCH. */
  expectReply(): void {
    this.#expected.push({ kind: 'reply' });
  }

  /** Takes the next bytes; the chunk must not be changed afterwards. */
  feed(chunk: Buffer): void {
    this.#tokens.feed(chunk);
  }

  /** The next answer, in the order of the requests; undefined when it has to be fed. */
  next(): ApplyReply | undefined {
    const expectation = this.#expected[0];
    if (expectation === undefined) {
      if (this.#tokens.hasBytes) throw new CorruptInput('a reply to nothing that was sent');
      return undefined;
    }
    const answer =
      expectation.kind === 'transaction'
        ? this.#readTransaction(expectation.queued, expectation.keep)
        : this.#readOther(expectation.kind === 'role');
    if (answer !== undefined) this.#expected.shift();
    return answer;
  }

  #readOther(isRole: boolean): ApplyReply | undefined {
    const reply = this.#readValue();
    if (reply === undefined) return undefined;
    return (isRole ? role(reply) : undefined) ?? { kind: 'reply', reply };
  }

  #readValue(): Reply | undefined {
    while (this.#tokens.next(true)) {
      const reply = this.#builder.accept(this.#tokens);
      if (reply !== undefined) return reply;
    }
    return undefined;
  }

  #readTransaction(queued: number, keep: boolean): TransactionReply | undefined {
    while (this.#position <= queued) {
      if (!this.#readBeforeExec()) return undefined;
    }
    if (keep) return this.#readExecValues(queued);
    for (;;) {
      if (this.#elements === queued) {
        return this.#finish('committed');
      }
      if (!this.#tokens.next(false)) return undefined;
      if (this.#elements >= 0) {
        this.#passElement();
        continue;
      }
      const outcome = this.#readExecHead(queued);
      if (outcome !== 'committed') return this.#finish(outcome);
      this.#elements = 0;
    }
  }

  /** Takes the reply to MULTI or to a command that is to be queued; false when bytes are missing. */
  #readBeforeExec(): boolean {
    const tokens = this.#tokens;
    if (this.#position > 0 && this.#open.length === 0 && tokens.passExactly(QUEUED)) {
      this.#position++;
      return true;
    }
    if (!tokens.next(false)) return false;
    if (this.#open.length === 0) {
      if (tokens.mark === ReplyMark.error) {
        if (this.#position === 0) this.#multiRefused = true;
        this.#failures.push({ index: this.#position - 1, message: tokens.text });
      } else if (!this.#multiRefused) {
        const text = tokens.mark === ReplyMark.simple ? tokens.text : '';
        if (text !== (this.#position === 0 ? 'OK' : 'QUEUED')) {
          throw new CorruptInput('a reply inside a transaction that is neither OK nor QUEUED');
        }
      }
    }
    if (this.#passToken()) this.#position++;
    return true;
  }

  /** Judges the first token of EXEC's reply. */
  #readExecHead(queued: number): TransactionReply['outcome'] {
    const tokens = this.#tokens;
    if (tokens.mark === ReplyMark.error) {
      if (this.#failures.length === 0) this.#failures.push({ index: -1, message: tokens.text });
      return 'aborted';
    }
    if (tokens.length < 0) return 'refused';
    if (tokens.mark !== ReplyMark.array || tokens.length !== queued || this.#failures.length > 0) {
      throw new CorruptInput(`EXEC's reply does not fit the ${queued} commands that were queued`);
    }
    return 'committed';
  }

  /** Takes one token of EXEC's array. */
  #passElement(): void {
    const tokens = this.#tokens;
    if (tokens.mark === ReplyMark.error && this.#open.length === 0) {
      this.#failures.push({ index: this.#elements, message: tokens.text });
    }
    if (this.#passToken()) this.#elements++;
  }

  /** True when the token ends a value, with all arrays around it. */
  #passToken(): boolean {
    const tokens = this.#tokens;
    const open = this.#open;
    if (tokens.length > 0 && isAggregate(tokens.mark)) {
      open.push(tokens.length);
      return false;
    }
    while (open.length > 0) {
      const left = (open.pop() as number) - 1;
      if (left > 0) {
        open.push(left);
        return false;
      }
    }
    return true;
  }

  #readExecValues(queued: number): TransactionReply | undefined {
    const reply = this.#readValue();
    if (reply === undefined) return undefined;
    if (reply.kind === 'error') {
      if (this.#failures.length === 0) this.#failures.push({ index: -1, message: reply.message });
      return this.#finish('aborted');
    }
    if (reply.kind === 'null') return this.#finish('refused');
    if (reply.kind !== 'array' || reply.items.length !== queued || this.#failures.length > 0) {
      throw new CorruptInput(`EXEC's reply does not fit the ${queued} commands that were queued`);
    }
    for (const [index, item] of reply.items.entries()) {
      if (item.kind === 'error') this.#failures.push({ index, message: item.message });
    }
    return this.#finish('committed', reply.items);
  }

  #finish(outcome: TransactionReply['outcome'], results?: Reply[]): TransactionReply {
    const failed = this.#failures.length > 0;
    const errors = failed ? this.#failures : NO_FAILURES;
    if (failed) this.#failures = [];
    this.#position = 0;
    this.#multiRefused = false;
    this.#elements = -1;
    const answer: TransactionReply = { kind: 'transaction', outcome, errors };
    if (results !== undefined) answer.results = results;
    return answer;
  }
}

/** `[master, offset, replicas]` or `[slave, host, port, state, offset]`; undefined when it is neither. */
function role(reply: Reply): ApplyReply | undefined {
  if (reply.kind !== 'array') return undefined;
  const [name] = reply.items;
  if (name?.kind !== 'bulk') return undefined;
  const primary = name.bytes.toString('latin1') === 'master';
  const offset = reply.items[primary ? 1 : 4];
  if (offset?.kind !== 'integer') return undefined;
  return { kind: 'role', primary, offset: Number(offset.value) };
}
