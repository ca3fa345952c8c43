// The Docker daemon and its command line, on one host of a test network.

import { join } from 'node:path';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { ChildProgram } from './child-program.ts';
import { eventually } from './eventually.ts';
import type { NetworkHost } from './host-network.ts';
import { type CommandResult, runCommand, tryCommand } from './run-command.ts';

/** A daemon of its own with a store of its own. Disposing ends it. */
export class Dockerd implements AsyncDisposable {
  readonly #resources: ResourceStack;
  readonly #socket: string;

  private constructor(resources: ResourceStack, socket: string) {
    this.#resources = resources;
    this.#socket = socket;
  }

  /** Returns once it answers. @param folder holds all it writes; a Unix socket in it needs a short path. */
  static async start(
    host: NetworkHost,
    folder: string,
    options: { /** Stands before the daemon's own command. */ readonly prefix?: readonly string[] } = {},
  ): Promise<Dockerd> {
    await using building = new ResourceStack();
    const socket = `unix://${join(folder, 'docker.sock')}`;
    const command = [
      ...(options.prefix ?? []),
      'dockerd',
      '--iptables=false',
      '--ip6tables=false',
      '--bridge=none',
      '--storage-driver=vfs',
      `--host=${socket}`,
      `--data-root=${join(folder, 'data')}`,
      `--exec-root=${join(folder, 'exec')}`,
      `--pidfile=${join(folder, 'pid')}`,
    ];
    const program = building.use(
      await ChildProgram.start({ command, namespace: host.namespace, logFile: join(folder, 'dockerd.log') }),
    );
    await eventually({ what: 'dockerd', signal: program.ended }, async () => {
      const { code } = await tryCommand(['docker', '--host', socket, 'version']);
      return code === 0;
    });
    return new Dockerd(building.move(), socket);
  }

  /** What DOCKER_HOST has to be for a docker command of one's own. */
  get address(): string {
    return this.#socket;
  }

  /** Runs `docker …`. @throws {Error} with its output if it fails. */
  async docker(...args: readonly string[]): Promise<string> {
    return runCommand(['docker', '--host', this.#socket, ...args], { timeoutMs: 300_000 });
  }

  /** Runs `docker …` and returns what it left, also when it fails. */
  async tryDocker(...args: readonly string[]): Promise<CommandResult> {
    return tryCommand(['docker', '--host', this.#socket, ...args], { timeoutMs: 300_000 });
  }

  /** The digest under which an image was pushed or pulled. */
  async repositoryDigest(image: string): Promise<string> {
    const text = await this.docker('image', 'inspect', '--format', '{{index .RepoDigests 0}}', image);
    return text.trim().replace(/^.*@/, '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}
