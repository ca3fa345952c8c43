// Compares passwords with bcrypt hashes in a thread of its own: each takes some 50 ms and more of a processor.

import { parentPort } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';

/** A question of the main thread; `id` comes back with the answer. */
export interface BcryptQuestion {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}

export interface BcryptAnswer {
  readonly id: number;
  readonly isRight: boolean;
}

parentPort?.on('message', ({ id, password, hash }: BcryptQuestion) => {
  const answer: BcryptAnswer = { id, isRight: compareSync(password, hash) };
  parentPort?.postMessage(answer);
});
