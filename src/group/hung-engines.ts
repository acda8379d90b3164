// Engines of a group on this machine that are there and answer nothing: stopped, waiting for a disk, in an endless
// command. Each is asked once a second, beside everything else that the supervisor does, as an answer may never come.
//
// One whose standby can take its place is killed, so that it never wakes up and answers clients that are served
// elsewhere by then; from there on it is an engine that died. Any other is left alone, and operators are told:
// what it holds is all that there is.

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { durationText } from '../base/amounts.ts';
import { isRunning, signalProcess } from '../engine/pid.ts';
import { EnginePulse } from '../engine/pulse.ts';
import {
  ENGINE_HUNG_AFTER_MS,
  engineOf,
  type GroupFile,
  type GroupMember,
  readGroupFile,
  updateMember,
} from './group-file.ts';
import { hungText } from './hung-text.ts';
import { endpointOf } from './member-processes.ts';
import { Silence } from './silence.ts';
import { obstacleToTakeover } from './takeover.ts';

const LOOK_EVERY_MS = 200;
const ASK_EVERY_MS_MAX = 1_000;
const JUDGE_EVERY_MS = 500;
/** What was found of the standby holds for so long. */
const VERDICT_MS_MAX = 3_000;
const TELL_EVERY_MS = 60_000;
const GONE_MS_MAX = 2_000;
const POLL_MS = 10;

/** An engine that is asked. */
interface Watched {
  readonly pid: number;
  readonly pulse: EnginePulse;
  readonly silence: Silence;
  askedMs: number;
  /** It has answered since the last look. */
  isHeard: boolean;
  isJudging: boolean;
  /** Why its standby cannot take its place; null: it can. */
  verdict: { readonly obstacle: string | null; readonly atMs: number } | null;
  /** When operators were told that it hangs. */
  toldMs: number | null;
}

export class HungEngines {
  readonly #dir: string;
  readonly #log: Logger;
  /** By region. */
  readonly #watched = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(dir: string, log: Logger) {
    this.#dir = dir;
    this.#log = log;
  }

  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  end(): void {
    clearInterval(this.#timer);
    for (const region of [...this.#watched.keys()]) this.#forget(region);
  }

  /**
   * Kills the member's engine if it hangs and its standby can take its place. Returns whether it is gone. To be called
   * with the lock of the processes.
   */
  async kill(group: GroupFile, member: GroupMember): Promise<boolean> {
    const { region } = member;
    const limitMs = limitOf(group);
    const watched = this.#watched.get(region);
    if (watched === undefined || watched.pid !== member.enginePid || watched.verdict === null) {
      return false;
    }
    const { verdict, silence } = watched;
    const isFresh = performance.now() - verdict.atMs < VERDICT_MS_MAX;
    if (verdict.obstacle !== null || !isFresh || silence.ms < limitMs) return false;
    const engine = engineOf(this.#dir, member);
    this.#log.error(
      { region, pid: engine.pid, silentMs: Math.round(silence.ms) },
      `the engine of ${region} HANGS: it has answered nothing for ${durationText(silence.ms)}. It is killed, its standby takes its place`,
    );
    signalProcess(engine, 'SIGKILL');
    const untilMs = performance.now() + GONE_MS_MAX;
    while (isRunning(engine) && performance.now() < untilMs) await delay(POLL_MS);
    if (!isRunning(engine)) return true;
    this.#log.error({ region, pid: engine.pid }, `the engine of ${region} cannot be killed yet`);
    return false;
  }

  #look(): void {
    try {
      const group = readGroupFile(this.#dir);
      for (const region of this.#watched.keys()) {
        if (group?.members.some((one) => one.region === region) !== true) this.#forget(region);
      }
      for (const member of group?.members ?? []) this.#lookAt(group as GroupFile, member);
    } catch (err) {
      this.#log.error({ err }, 'engines could not be asked whether they answer');
    }
  }

  #lookAt(group: GroupFile, member: GroupMember): void {
    const { region } = member;
    if (!isToAnswer(member)) {
      this.#forget(region);
      return;
    }
    const watched = this.#watchedOf(group, member);
    const { pulse, silence } = watched;
    const nowMs = performance.now();
    const limitMs = limitOf(group);
    silence.look(nowMs, pulse.isWaiting);
    if (nowMs - watched.askedMs >= Math.min(ASK_EVERY_MS_MAX, limitMs / 10)) {
      watched.askedMs = nowMs;
      pulse.ask();
    }
    if (silence.ms > limitMs / 2) pulse.askOtherwise();
    if (silence.ms >= limitMs) this.#hangs(group, member, watched);
    else if (watched.isHeard) this.#answers(member, watched);
    watched.isHeard = false;
  }

  #watchedOf(group: GroupFile, member: GroupMember): Watched {
    const known = this.#watched.get(member.region);
    if (known?.pid === member.enginePid) return known;
    this.#forget(member.region);
    const silence = new Silence();
    const pulse = new EnginePulse(endpointOf(group, member), () => {
      silence.heard();
      watched.isHeard = true;
    });
    const watched: Watched = {
      ...{ pid: member.enginePid, pulse, silence, askedMs: Number.NEGATIVE_INFINITY },
      ...{ isHeard: false, isJudging: false, verdict: null, toldMs: null },
    };
    this.#watched.set(member.region, watched);
    return watched;
  }

  #forget(region: string): void {
    this.#watched.get(region)?.pulse.end();
    this.#watched.delete(region);
  }

  #hangs(group: GroupFile, member: GroupMember, watched: Watched): void {
    const nowMs = performance.now();
    if (watched.isJudging || nowMs - (watched.verdict?.atMs ?? 0) < JUDGE_EVERY_MS) return;
    watched.isJudging = true;
    this.#obstacle(group, member, watched)
      .catch((error: Error) => error.message)
      .then((obstacle) => {
        watched.verdict = { obstacle, atMs: performance.now() };
        if (watched.silence.ms > 0 && obstacle !== null) this.#tell(member, watched, obstacle);
      })
      .catch((err: unknown) => this.#log.error({ err }, 'an engine that hangs is not told of'))
      .finally(() => {
        watched.isJudging = false;
      });
  }

  async #obstacle(
    group: GroupFile,
    member: GroupMember,
    { pulse }: Watched,
  ): Promise<string | null> {
    if (group.engineHungAfterMs === 0 && member.standby !== null) {
      return 'this group never replaces one that is there (--engine-hung-after 0)';
    }
    if (member.state !== 'linked') return `it takes no part (${member.state})`;
    return await obstacleToTakeover(this.#dir, member, pulse.knownEnd);
  }

  #tell(member: GroupMember, watched: Watched, obstacle: string): void {
    const nowMs = performance.now();
    if (watched.toldMs !== null && nowMs - watched.toldMs < TELL_EVERY_MS) return;
    const { region, enginePid: pid } = member;
    if (!isRunning(engineOf(this.#dir, member))) return;
    const sinceMs =
      member.hung?.pid === pid ? member.hung.sinceMs : Date.now() - watched.silence.ms;
    const hung = { pid, sinceMs, obstacle };
    updateMember(this.#dir, region, { hung });
    watched.toldMs = nowMs;
    const text = hungText(hung, Date.now());
    this.#log.error({ region, ...hung }, `THE ENGINE OF ${region} HANGS: ${text}`);
  }

  #answers(member: GroupMember, watched: Watched): void {
    const { region } = member;
    watched.verdict = null;
    watched.toldMs = null;
    if (member.hung === undefined) return;
    updateMember(this.#dir, region, { hung: undefined });
    this.#log.warn({ region }, `the engine of ${region} answers again`);
  }
}

/** One that is being filled, or is on its way from standby to engine, is looked after by whoever sees to that. */
function isToAnswer(member: GroupMember): boolean {
  const { stopped, state, elsewhere, standby, enginePid } = member;
  if (stopped || state === 'joining' || elsewhere !== undefined || enginePid === 0) return false;
  return standby === null || standby.takeover === 'none';
}

/** Where none is ever replaced operators are told of those that hang nevertheless. */
function limitOf({ engineHungAfterMs }: GroupFile): number {
  return engineHungAfterMs === 0 ? ENGINE_HUNG_AFTER_MS : engineHungAfterMs;
}
