// Files of the machine as one host of a test network sees them: its own /etc/hosts, docker certificates and trusted
// authorities. A mount namespace that lives as long as one process.

import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { ChildProgram } from './child-program.ts';
import { eventually } from './eventually.ts';
import { tryCommand } from './run-command.ts';

/** What is this host's own: all that docker and curl look up of names and of whom to trust. */
const OWN_FOLDERS = ['/etc/docker', '/etc/ssl/certs', '/usr/local/share/ca-certificates'];

/** Disposing ends the namespace, once no other process is in it. */
export class PrivateFiles implements AsyncDisposable {
  readonly #resources: ResourceStack;
  readonly #pid: number;

  private constructor(resources: ResourceStack, pid: number) {
    this.#resources = resources;
    this.#pid = pid;
  }

  /** @param options.folder holds what differs. @param options.hosts addresses by name, for /etc/hosts. */
  static async open(options: {
    readonly folder: string;
    readonly hosts: Readonly<Record<string, string>>;
  }): Promise<PrivateFiles> {
    await using building = new ResourceStack();
    const { folder, hosts } = options;
    const hostsFile = join(folder, 'hosts');
    await mkdir(folder, { recursive: true });
    const lines = Object.entries({ localhost: '127.0.0.1', ...hosts }).map(([name, address]) => `${address} ${name}\n`);
    await writeFile(hostsFile, lines.join(''));
    const mounts = [`mount --bind ${hostsFile} /etc/hosts`];
    for (const [index, own] of OWN_FOLDERS.entries()) {
      const copy = join(folder, `own-${index}`);
      await mkdir(own, { recursive: true });
      await cp(own, copy, { recursive: true, verbatimSymlinks: true });
      mounts.push(`mount --bind ${copy} ${own}`);
    }
    const ready = join(folder, 'ready');
    const script = [...mounts, `touch ${ready}`, 'exec sleep 3600'].join(' && ');
    const program = building.use(
      await ChildProgram.start({
        command: ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script],
        logFile: join(folder, 'mounts.log'),
      }),
    );
    await eventually({ what: 'private files', signal: program.ended }, async () => {
      const { code } = await tryCommand(['test', '-e', ready]);
      return code === 0;
    });
    return new PrivateFiles(building.move(), program.pid);
  }

  /** What stands before a command that is to see these files. */
  get prefix(): readonly string[] {
    return ['nsenter', '--mount', '--target', String(this.#pid), '--'];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}
