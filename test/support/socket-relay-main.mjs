// Runs inside a network namespace: joins a Unix socket, which is reachable from everywhere, to a port of the
// namespace's own 127.0.0.1. Ends with its stdin, so it never outlives the test that started it.

import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';

const [path, port] = process.argv.slice(2);

const server = createServer({ allowHalfOpen: true }, (near) => {
  const far = connect({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true });
  const endBoth = (error) => {
    if (error === undefined || error === null) return;
    near.destroy();
    far.destroy();
  };
  pipeline(near, far, endBoth);
  pipeline(far, near, endBoth);
});
server.listen(path, () => process.stdout.write('listening\n'));
process.stdin.resume().once('end', () => process.exit(0));
