// Debian's docker-registry (distribution 2.8), on one host of a test network: what ours is compared with.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { ChildProgram } from './child-program.ts';
import { eventually } from './eventually.ts';
import type { NetworkHost } from './host-network.ts';
import { RegistryClient } from './registry-client.ts';

/** Disposing ends it. */
export class ReferenceRegistry implements AsyncDisposable {
  /** Speaks with it from outside its host. */
  readonly client: RegistryClient;
  readonly #resources: ResourceStack;

  private constructor(client: RegistryClient, resources: ResourceStack) {
    this.client = client;
    this.#resources = resources;
  }

  /**
   * Returns once it answers on the host's port 5000. @param folder holds all it writes; a second one on it goes on with that.
   * @param options.htpasswd the text of a file of users, when it is to want a login.
   */
  static async start(
    host: NetworkHost,
    folder: string,
    options: { readonly htpasswd?: string } = {},
  ): Promise<ReferenceRegistry> {
    await using building = new ResourceStack();
    const configFile = join(folder, 'config.yml');
    await mkdir(folder, { recursive: true });
    const users = join(folder, 'htpasswd');
    const { htpasswd } = options;
    if (htpasswd !== undefined) await writeFile(users, htpasswd);
    const access = htpasswd === undefined ? '' : `auth:\n  htpasswd:\n    realm: test\n    path: ${users}\n`;
    await writeFile(configFile, configText(join(folder, 'data')) + access);
    const command = ['docker-registry', 'serve', configFile];
    const program = building.use(
      await ChildProgram.start({ command, namespace: host.namespace, logFile: join(folder, 'registry.log') }),
    );
    const client = new RegistryClient({ address: { socketPath: await host.socketTo(5000) } });
    await eventually({ what: 'docker-registry', signal: program.ended }, async () => {
      const answer = await client.request({ method: 'GET', path: '/v2/' });
      return answer.status === (htpasswd === undefined ? 200 : 401);
    });
    return new ReferenceRegistry(client, building.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

function configText(data: string): string {
  return `version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: ${data}
  delete:
    enabled: true
http:
  addr: :5000
`;
}
