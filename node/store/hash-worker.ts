// The thread that hashes. Work at import is its whole purpose: this file is only ever the start of a worker.

import { parentPort } from 'node:worker_threads';
import { invariant } from '../../shared/runtime/errors.ts';
import { HashDesk, type HashOperation } from './hash-desk.ts';

const port = parentPort;
invariant(port !== null, 'the hash worker runs in a thread');
const desk = new HashDesk();
port.on('message', (operations: readonly HashOperation[]) => {
  port.postMessage(operations.map((operation) => desk.run(operation)));
});
