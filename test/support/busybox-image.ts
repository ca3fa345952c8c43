import { readFile } from 'node:fs/promises';
import { seededBytes } from './seeded-bytes.ts';
import type { Descriptor, ImageLayout } from './image-layout.ts';
import type { TarEntry } from './tar-archive.ts';

/** What distinguishes one image from another. */
export interface BusyboxImageOptions {
  /** Goes into /etc/motd and into the bytes of all layers: another word, another image. */
  readonly word: string;
  /** Sizes of further layers, each with one file of bytes that do not compress. */
  readonly layerBytes?: readonly number[];
  readonly format?: 'oci' | 'docker';
}

const applets = ['sh', 'cat', 'echo', 'ls', 'sha256sum', 'true'];

/** An image that runs: Debian's static busybox. Its command prints the word. */
export async function addBusyboxImage(layout: ImageLayout, options: BusyboxImageOptions): Promise<Descriptor> {
  const { word, layerBytes = [], format = 'oci' } = options;
  const binary = await readFile('/bin/busybox');
  const base: TarEntry[] = [
    { type: 'folder', path: 'bin/' },
    { type: 'folder', path: 'etc/' },
    { type: 'file', path: 'bin/busybox', mode: 0o755, content: binary },
    ...applets.map((name): TarEntry => ({ type: 'link', path: `bin/${name}`, target: 'busybox' })),
  ];
  const layers = [await layout.addLayer(base)];
  layers.push(await layout.addLayer([{ type: 'file', path: 'etc/motd', content: Buffer.from(`${word}\n`) }]));
  for (const [index, sizeBytes] of layerBytes.entries()) {
    const chunks = seededBytes(`${word}-${index}`, sizeBytes);
    layers.push(await layout.addLayer([{ type: 'file', path: `data-${index}`, content: { sizeBytes, chunks } }]));
  }
  return layout.addImage(layers, { format, command: ['/bin/cat', '/etc/motd'] });
}
