// Debian's docker-registry as the one central registry from which every host pulls.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ChildProgram } from '../../../test/support/child-program.ts';
import { type BenchHosts, type DistributionSide, REPOSITORY } from './distribution-side.ts';
import { waitUntilReady } from './ready.ts';

const PORT = 5000;

/** Starts it on the source's host. @param options.folder gets all that it writes. */
export async function startCentralSide(
  hosts: BenchHosts,
  options: { readonly folder: string },
  signal: AbortSignal,
): Promise<DistributionSide> {
  const { source } = hosts;
  const config = join(options.folder, 'config.yml');
  await mkdir(options.folder, { recursive: true });
  await writeFile(
    config,
    `version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: ${join(options.folder, 'data')}}}\nhttp: {addr: ":${PORT}"}\n`,
  );
  const program = await ChildProgram.start({
    command: ['docker-registry', 'serve', config],
    namespace: source.network.namespace,
    logFile: join(options.folder, 'registry.log'),
  });
  const close = (): Promise<void> => program[Symbol.asyncDispose]();
  try {
    await waitUntilReady({ agent: source.agent, program }, `http://127.0.0.1:${PORT}/v2/`, signal);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async push(tag, layers, pushSignal) {
      const place = { registry: `http://127.0.0.1:${PORT}`, repository: REPOSITORY, tag };
      await source.agent.call('push', { ...place, layers }, pushSignal);
    },
    registry: `http://${source.network.address}:${PORT}`,
    kill: () => undefined, // nothing of it runs on the hosts that pull
    [Symbol.asyncDispose]: close,
  };
}
