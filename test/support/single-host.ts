// `shoal up` on free ports of this machine's own loopback: needs no right and no client.

import { join } from 'node:path';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { findFreePorts } from './free-ports.ts';
import { RegistryClient } from './registry-client.ts';
import { ShoalProgram } from './shoal-program.ts';
import { openTemporaryFolder } from './temporary-folder.ts';

/** A running coordinator and origin in one process. Disposing stops it and removes its data. */
export interface SingleHost extends AsyncDisposable {
  readonly program: ShoalProgram;
  readonly registry: RegistryClient;
  /** Of the registry API, without a slash at the end. */
  readonly baseUrl: string;
  /** For whatever a test wants to keep. */
  readonly folder: string;
}

/** Returns once it is ready. @param args go to `shoal up` after those for folder and ports. */
export async function startSingleHost(args: readonly string[] = []): Promise<SingleHost> {
  await using building = new ResourceStack();
  const { path: folder } = building.use(await openTemporaryFolder('up'));
  const [http = 0, listen = 0, swarm = 0] = await findFreePorts(3);
  const places = [
    `--data=${join(folder, 'data')}`,
    `--http=127.0.0.1:${http}`,
    `--listen=127.0.0.1:${listen}`,
    `--swarm=127.0.0.1:${swarm}`,
    `--advertise=127.0.0.1:${swarm}`,
  ];
  const program = building.use(
    await ShoalProgram.start({
      args: ['up', ...places, ...args],
      logFile: join(folder, 'shoal.log'),
      http: { port: http },
    }),
  );
  const resources = building.move();
  return {
    program,
    registry: new RegistryClient(program.target),
    baseUrl: `http://127.0.0.1:${http}`,
    folder,
    [Symbol.asyncDispose]: async () => resources[Symbol.asyncDispose](),
  };
}
