// The side of a child process of the bench that is called: a line of JSON in, a line out, until stdin ends, so that it
// never outlives the bench.

import { createInterface } from 'node:readline';

/**
 * Answers calls by name; each takes its parameters and gives a promise of its result. Says at once that it is ready.
 * @param {Record<string, (params: any) => Promise<unknown>>} calls
 */
export function answerCalls(calls) {
  const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
  const lines = createInterface({ input: process.stdin });
  lines.on('line', async (line) => {
    const { id, call, params } = JSON.parse(line);
    try {
      say({ id, result: await calls[call](params) });
    } catch (error) {
      say({ id, error: error.cause?.message ?? error.message });
    }
  });
  lines.once('close', () => process.exit(0));
  say({ id: 0, result: {} });
}
