import { OperatorError } from '../../src/base/errors.ts';
import type { RunningSystem, StartOptions } from './system.ts';

export async function startAtoll(_options: StartOptions): Promise<RunningSystem> {
  throw new OperatorError('X', 'not there yet', 'wait');
}
