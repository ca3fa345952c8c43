import { systemClock, type Clock } from '../../shared/runtime/clock.ts';

/**
 * For tests of what hosts do while all of them do their part: it tells a twentieth of the time that passes, so that nobody gives up another
 * because the machine is busy. Waits are as long as ever.
 */
export const patientClock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() / 20 };
