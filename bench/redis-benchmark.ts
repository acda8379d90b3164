// Runs redis-benchmark (or valkey-benchmark) and reads its CSV report.

import { spawn } from 'node:child_process';
import type { Cleanup } from './cleanup.ts';
import type { Endpoint } from './load/messages.ts';

/** One line of the report. */
export interface ThroughputReport {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/** What a run is to do; the arguments are the same for every system measured. */
export interface BenchmarkRun {
  endpoint: Endpoint;
  command: readonly string[];
  pipeline: number;
  requests: number;
}

export const CLIENTS = 50;
/** Random numbers in keys are below this. */
export const KEYSPACE = 100_000;

/** Arguments of redis-benchmark for a run, without the endpoint. */
export function benchmarkArguments(run: Omit<BenchmarkRun, 'endpoint'>): string[] {
  const settings = ['-c', CLIENTS, '-r', KEYSPACE, '-P', run.pipeline, '-n', run.requests];
  return [...settings.map(String), '--csv', ...run.command];
}

/** Parses the CSV report of a run with one command. */
export function parseReport(text: string): ThroughputReport {
  const [header, values] = text
    .split(/\r?\n/)
    .filter((line) => line.startsWith('"'))
    .map(parseCsvLine);
  const field = (name: string): number => {
    const index = header?.indexOf(name) ?? -1;
    const value = Number(index < 0 ? Number.NaN : values?.[index]);
    if (!Number.isFinite(value)) {
      throw new Error(`redis-benchmark reported no ${name}: ${text.trim().slice(0, 200)}`);
    }
    return value;
  };
  return {
    requestsPerSecond: field('rps'),
    p50Ms: field('p50_latency_ms'),
    p99Ms: field('p99_latency_ms'),
  };
}

/** The quoted fields of a line. Quotes inside a field are not escaped by redis-benchmark. */
export function parseCsvLine(line: string): string[] {
  return line.trim().replace(/^"/, '').replace(/"$/, '').split('","');
}

/** Runs it to its end. It stops at the first error reply, and then so does this. */
export async function runRedisBenchmark(
  binary: string,
  run: BenchmarkRun,
  cleanup: Cleanup,
): Promise<ThroughputReport> {
  const output = await runBinary(
    binary,
    hostArguments(run).concat(benchmarkArguments(run)),
    cleanup,
  );
  return parseReport(output);
}

/** Loads without end; the returned function stops it and resolves when it is gone. */
export function loadUntilStopped(
  binary: string,
  run: Omit<BenchmarkRun, 'requests'>,
  cleanup: Cleanup,
): { stop(): Promise<void>; failed: Promise<never> } {
  const args = hostArguments(run).concat('-l', benchmarkArguments({ ...run, requests: 1_000_000 }));
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const forget = cleanup.defer(() => void child.kill('SIGKILL'));
  let stopping = false;
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      if (!stopping) reject(new Error(`redis-benchmark ended early: ${errors.trim()}`));
    });
  });
  // It may fail after the one who asked has stopped listening.
  failed.catch(() => undefined);
  return {
    failed,
    async stop() {
      stopping = true;
      child.kill('SIGKILL');
      await ended;
      forget();
    },
  };
}

function hostArguments(run: Pick<BenchmarkRun, 'endpoint'>): string[] {
  return ['-h', run.endpoint.host, '-p', String(run.endpoint.port)];
}

async function runBinary(binary: string, args: string[], cleanup: Cleanup): Promise<string> {
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const forget = cleanup.defer(() => void child.kill('SIGKILL'));
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  forget();
  if (code !== 0) {
    throw new Error(`redis-benchmark failed (exit code ${code}): ${(errors || output).trim()}`);
  }
  return output;
}
