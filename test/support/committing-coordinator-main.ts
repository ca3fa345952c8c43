// A process that commits tag after tag until it is killed: `<data folder> <first number> [<settings as JSON>]`. It writes each number that was
// acknowledged as one line, after the acknowledgement.

import { writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { someRequester } from './some-requester.ts';
import { imageManifest, linkNode, smallBlob, startTestCoordinator } from './test-coordinator.ts';

const [data = '', first = '0', settings = '{}'] = process.argv.slice(2);
const { running } = await startTestCoordinator(data, JSON.parse(settings) as object);
const { link } = await linkNode(running, 'origin', { isOrigin: true });
const { signal } = new AbortController();
const by = someRequester({ user: 'alice' });
for (let number = Number(first); ; number += 1) {
  const blob = smallBlob(`blob ${number}`);
  await link.call('blob.add', { repository: 'app', digest: blob.digest, table: blob.table, by }, signal);
  const image = imageManifest([blob]);
  await link.call('manifest.put', { repository: 'app', ...image, tags: [`v${number}`, 'latest'], by }, signal);
  writeSync(1, `${number} ${image.digest}\n`);
  await setImmediate(); // calls within a process would leave no turn to sockets
}
