// Asks the coordinator to look for unreachable content now, and waits until the hosts within reach have deleted it.

import { CollectionState, type CollectionRequest } from '../../shared/protocol/collection-api.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { CoordinatorCall } from './coordinator-calls.ts';
import { showCount } from './human-units.ts';

/** Pause between two looks at how far it is. */
const POLL_MS = 250;
/** How long the deletion on hosts is waited for; it goes on without us. */
const MAX_REMOVAL_WAIT_MS = 5 * 60_000;

export interface CollectionRun {
  readonly result: NonNullable<NonNullable<CollectionState['last']>['result']>;
  readonly state: CollectionState;
}

interface CollectionDeps {
  readonly clock: Clock;
  readonly call: CoordinatorCall;
  /** Told what is waited for, when it changes. */
  readonly say: (text: string) => void;
}

/**
 * @throws {AppError} `coordinator_unreachable`, `access_denied`; `too_many_requests` while another pass runs.
 */
export async function runCollection(
  deps: CollectionDeps,
  request: CollectionRequest,
  signal: AbortSignal,
): Promise<CollectionRun> {
  const { clock } = deps;
  const before = await ask(deps, 'GET');
  let state = await ask(deps, 'POST', request);
  if (state.passNumber === before.passNumber) {
    throw new AppError('too_many_requests', 'the coordinator is looking through its content already; try again soon');
  }
  const { passNumber } = state;
  while (state.last?.passNumber !== passNumber || state.isRunning) {
    await clock.sleep(POLL_MS, signal);
    state = await ask(deps, 'GET');
    if (state.passNumber !== passNumber) break;
  }
  const { last } = state;
  if (last?.passNumber !== passNumber || last.result === undefined) {
    const why = last?.passNumber === passNumber ? last.failure : 'the coordinator was restarted meanwhile';
    throw new AppError('not_supported', `the look for unreachable content failed: ${why ?? 'see the log'}`);
  }
  const { result } = last;
  if (!request.isDryRun) state = await waitForRemoval(deps, state, signal);
  return { result, state };
}

async function waitForRemoval(
  deps: CollectionDeps,
  first: CollectionState,
  signal: AbortSignal,
): Promise<CollectionState> {
  const { clock, say } = deps;
  const untilMs = clock.nowMs() + MAX_REMOVAL_WAIT_MS;
  let state = first;
  let told = 0;
  while (state.removing.filesWithinReach > 0 && clock.nowMs() < untilMs) {
    const { filesWithinReach } = state.removing;
    if (filesWithinReach !== told) say(`${showCount(filesWithinReach, 'file')} left to delete on hosts …\n`);
    told = filesWithinReach;
    await clock.sleep(POLL_MS, signal);
    state = await ask(deps, 'GET');
  }
  return state;
}

function ask(
  { call }: Pick<CollectionDeps, 'call'>,
  method: 'GET' | 'POST',
  body?: CollectionRequest,
): Promise<CollectionState> {
  return call({ method, path: '/api/collection', answer: CollectionState, ...(body === undefined ? {} : { body }) });
}
