// Waiting for a program on a host of the bench.

import type { ChildProgram } from '../../../test/support/child-program.ts';
import { eventually } from '../../../test/support/eventually.ts';
import type { HostAgent } from './host-agent.ts';

/** Many programs start at once on few cores. */
const READY_TIMEOUT_MS = 120_000;
/** Seldom enough that the asking does not slow what is asked. */
const ASK_EVERY_MS = 100;

/** Waits until `url` answers 200 to the agent. @throws {Error} with the end of the log when the program ends first. */
export async function waitUntilReady(
  on: { readonly agent: HostAgent; readonly program: ChildProgram },
  url: string,
  signal: AbortSignal,
): Promise<void> {
  const { agent, program } = on;
  const ended = AbortSignal.any([signal, program.ended]);
  try {
    await eventually({ what: url, timeoutMs: READY_TIMEOUT_MS, intervalMs: ASK_EVERY_MS, signal: ended }, async () => {
      const answer = await agent.call('get', { url }, ended);
      return answer.status === 200;
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw new Error(`a program of the bench is not ready; its log ends with:\n${(await program.log()).slice(-2000)}`, {
      cause,
    });
  }
}
