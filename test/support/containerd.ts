// containerd and its command line `ctr`, on one host of a test network.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { ChildProgram } from './child-program.ts';
import { eventually } from './eventually.ts';
import type { NetworkHost } from './host-network.ts';
import { runCommand, tryCommand } from './run-command.ts';

/** A daemon of its own with a store of its own. Disposing ends it. */
export class Containerd implements AsyncDisposable {
  readonly #resources: ResourceStack;
  readonly #socket: string;
  readonly #namespace: string;

  private constructor(resources: ResourceStack, socket: string, namespace: string) {
    this.#resources = resources;
    this.#socket = socket;
    this.#namespace = namespace;
  }

  /** Returns once it answers. @param folder holds all it writes; a Unix socket in it needs a short path. */
  static async start(host: NetworkHost, folder: string): Promise<Containerd> {
    await using building = new ResourceStack();
    const socket = join(folder, 'containerd.sock');
    const configFile = join(folder, 'config.toml');
    await mkdir(folder, { recursive: true });
    await writeFile(configFile, configText(folder, socket));
    const command = ['containerd', '--config', configFile];
    const program = building.use(
      await ChildProgram.start({ command, namespace: host.namespace, logFile: join(folder, 'containerd.log') }),
    );
    await eventually({ what: 'containerd', signal: program.ended }, async () => {
      const { code } = await tryCommand(['ctr', '--address', socket, 'version']);
      return code === 0;
    });
    return new Containerd(building.move(), socket, host.namespace);
  }

  /** Runs `ctr …` on its host, since ctr itself speaks to the registry. @throws {Error} with its output if it fails. */
  async ctr(...args: readonly string[]): Promise<string> {
    const command = ['ctr', '--address', this.#socket, ...args];
    return runCommand(command, { namespace: this.#namespace, timeoutMs: 300_000 });
  }

  /** The digest that an image's name points to in containerd's own store. */
  async imageDigest(image: string): Promise<string> {
    const list = await this.ctr('images', 'list', `name==${image}`);
    const digest = /\bsha256:[0-9a-f]{64}\b/.exec(list)?.[0];
    if (digest === undefined) throw new Error(`containerd has no image ${image}:\n${list}`);
    return digest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

/** Everything in one folder, and none of the plugins that reach out to the machine. */
function configText(folder: string, socket: string): string {
  return `version = 2
root = "${join(folder, 'root')}"
state = "${join(folder, 'state')}"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]

[grpc]
  address = "${socket}"

[ttrpc]
  address = "${socket}.ttrpc"
`;
}
