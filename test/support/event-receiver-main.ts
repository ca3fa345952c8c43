// A receiver of notifications as a process, for tests whose hosts have networks of their own: `<port>`. It writes what it gets as lines
// of JSON, one `ReceivedPost` each.

import { EventReceiver } from './event-receiver.ts';

await EventReceiver.start((post, response) => {
  process.stdout.write(`${JSON.stringify(post)}\n`);
  response.end();
}, Number(process.argv[2]));
process.once('SIGTERM', () => process.exit(0));
