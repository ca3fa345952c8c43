// A process that commits tag after tag until it is killed: `<data folder> <first number>`. It writes each number that was
// acknowledged as one line, after the acknowledgement.

import { writeSync } from 'node:fs';
import { imageManifest, linkNode, smallBlob, startTestCoordinator } from './test-coordinator.ts';

const [data = '', first = '0'] = process.argv.slice(2);
const { running } = await startTestCoordinator(data);
const { link } = await linkNode(running, 'origin', { isOrigin: true });
const { signal } = new AbortController();
for (let number = Number(first); ; number += 1) {
  const blob = smallBlob(`blob ${number}`);
  await link.call('blob.add', { repository: 'app', digest: blob.digest, table: blob.table }, signal);
  const image = imageManifest([blob]);
  await link.call('manifest.put', { repository: 'app', ...image, tags: [`v${number}`, 'latest'] }, signal);
  writeSync(1, `${number} ${image.digest}\n`);
}
