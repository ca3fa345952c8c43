// The clients that need no daemon, each with a store of its own, on one host of a test network.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NetworkHost } from './host-network.ts';
import { openTemporaryFolder } from './temporary-folder.ts';

/** skopeo, podman and buildah as a user of one host has them. */
export class ImageClients {
  readonly #host: NetworkHost;
  readonly #folder: string;

  /** @param folder holds what they pull; it exists. */
  constructor(host: NetworkHost, folder: string) {
    this.#host = host;
    this.#folder = folder;
  }

  /** `skopeo copy` from one transport to another, all architectures, digests kept. */
  async skopeoCopy(source: string, target: string): Promise<void> {
    const plainHttp = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    await this.#skopeo('copy', '--quiet', '--all', '--preserve-digests', ...plainHttp, source, target);
  }

  /** Pulls an image into a folder of its own and returns the digest of the manifest that arrived. */
  async skopeoPull(image: string, name: string): Promise<string> {
    const target = join(this.#folder, name);
    const digestFile = `${target}.digest`;
    const flags = ['--quiet', '--all', '--preserve-digests', '--src-tls-verify=false', '--digestfile', digestFile];
    await this.#skopeo('copy', ...flags, `docker://${image}`, `dir:${target}`);
    return (await readFile(digestFile, 'utf8')).trim();
  }

  /** Writes what `docker load` takes. Docker makes the manifest anew when it pushes, so the digest is another then. */
  async writeDockerArchive(source: string, file: string, image: string): Promise<void> {
    await this.#skopeo('copy', '--quiet', '--format', 'v2s2', source, `docker-archive:${file}:${image}`);
  }

  /** Pulls an image into a new store of podman's and returns the digest by which podman then knows it. */
  async podmanPull(image: string): Promise<string> {
    await using store = await openTemporaryFolder('pm'); // podman wants the path of its state below 50 characters
    const policy = join(store.path, 'policy.json'); // a fresh machine may have none, and then podman refuses to pull
    await writeFile(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
    await this.#podman(store.path, 'pull', '--quiet', '--tls-verify=false', '--signature-policy', policy, image);
    const text = await this.#podman(store.path, 'image', 'inspect', '--format', '{{.Digest}}', image);
    return text.trim();
  }

  /** Pulls `source` without a login into a new store of podman's, and pushes it as `target`. @param flags of the push */
  async podmanCopy(source: string, target: string, ...flags: readonly string[]): Promise<void> {
    await using store = await openTemporaryFolder('pm');
    const policy = join(store.path, 'policy.json');
    await writeFile(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
    const shared = ['--quiet', '--tls-verify=false', '--signature-policy', policy];
    await this.#podman(store.path, 'pull', ...shared, source);
    await this.#podman(store.path, 'push', ...shared, ...flags, source, `docker://${target}`);
  }

  async #podman(folder: string, ...args: readonly string[]): Promise<string> {
    const store = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--tmpdir', join(folder, 'tmp')];
    const command = ['podman', ...store, '--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs', ...args];
    return this.#host.run(command, { timeoutMs: 300_000 });
  }

  async #skopeo(...args: readonly string[]): Promise<void> {
    await this.#host.run(['skopeo', '--insecure-policy', ...args], { timeoutMs: 300_000 });
  }
}
