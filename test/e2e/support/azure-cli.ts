// Debian's azure-cli for tests, unpacked into a folder of the checkout: nothing is installed on the machine. It is
// Python and takes many seconds to install as packages, but few to unpack.

import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const FOLDER = join(import.meta.dirname, '../../../.atoll/azure-cli');
const PYTHON = '/usr/bin/python3';
const PACKAGES = 'usr/lib/python3/dist-packages';
const CALL_TIMEOUT_MS = 60_000;
const FETCH_TIMEOUT_MS = 60_000;
const NETWORK = ['-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=10'];

/** Makes it ready; why it cannot be had, or null. */
export async function prepareAzureCli(): Promise<string | null> {
  if (process.env.ATOLL_TEST_AZ !== '1') return 'ATOLL_TEST_AZ=1 runs it with azure-cli of Debian';
  if (existsSync(FOLDER)) return null;
  if (!existsSync('/usr/bin/apt-get') || !existsSync(PYTHON)) {
    return 'azure-cli comes from Debian, and needs apt-get and python3';
  }
  const making = `${FOLDER}.${process.pid}`;
  try {
    await unpackInto(making);
    renameSync(making, FOLDER);
    return null;
  } catch (error) {
    return `azure-cli cannot be had from Debian here: ${lastLine(error)}`;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

async function unpackInto(folder: string): Promise<void> {
  const archives = join(folder, 'archives');
  mkdirSync(join(archives, 'partial'), { recursive: true });
  const fetch = async () =>
    await run(
      'apt-get',
      [
        ...['install', '-y', '--no-install-recommends', '--download-only'],
        ...['-o', `Dir::Cache::archives=${archives}`, '-o', 'Debug::NoLocking=1'],
        ...['-o', 'APT::Sandbox::User=', ...NETWORK, 'azure-cli'],
      ],
      { timeout: FETCH_TIMEOUT_MS },
    );
  try {
    await fetch();
  } catch {
    // The lists of packages may be missing, or older than the packages.
    await run('apt-get', ['update', ...NETWORK], { timeout: FETCH_TIMEOUT_MS });
    await fetch();
  }
  for (const file of globSync('*.deb', { cwd: archives })) {
    await run('dpkg-deb', ['--extract', join(archives, file), folder]);
  }
  rmSync(archives, { recursive: true });
  if (!existsSync(join(folder, PACKAGES, 'azure/cli'))) throw new Error('no azure-cli in it');
}

function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n').at(-1) ?? '';
}

export interface AzureReply {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class AzureCli {
  readonly #environment: NodeJS.ProcessEnv;

  /** What it remembers, who is signed in among it, stays in the folder. */
  constructor(folder: string, caFile: string) {
    this.#environment = {
      ...process.env,
      PYTHONPATH: join(FOLDER, PACKAGES),
      AZURE_CONFIG_DIR: folder,
      REQUESTS_CA_BUNDLE: caFile,
      AZURE_CORE_COLLECT_TELEMETRY: 'no',
      AZURE_CORE_NO_COLOR: 'true',
      AZURE_CORE_SURVEY_MESSAGE: 'no',
      PYTHONWARNINGS: 'ignore',
    };
  }

  /** `onStderr`: told what it says there, while it runs. */
  async run(args: readonly string[], onStderr?: (text: string) => void): Promise<AzureReply> {
    const { promise, resolve } = Promise.withResolvers<AzureReply>();
    const options = { env: this.#environment, timeout: CALL_TIMEOUT_MS, maxBuffer: 16 << 20 };
    const child = execFile(
      PYTHON,
      ['-m', 'azure.cli', ...args],
      options,
      (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code ?? 1);
        resolve({ code, stdout, stderr });
      },
    );
    if (onStderr !== undefined) child.stderr?.on('data', (data) => onStderr(String(data)));
    return await promise;
  }
}
