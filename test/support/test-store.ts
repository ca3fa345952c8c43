import { openStore, type Store, type StoreOptions } from '../../node/store/store.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { silentLogger } from '../../shared/runtime/log.ts';
import { Metrics } from '../../shared/runtime/metrics.ts';
import { FakeClock } from './fake-clock.ts';

/** A real store in a folder of the test's, with a clock that stands still unless the test brings one. */
export function openTestStore(options: StoreOptions, deps: { readonly clock?: Clock } = {}): Promise<Store> {
  const clock = deps.clock ?? new FakeClock();
  return openStore({ clock, log: silentLogger, metrics: new Metrics() }, { reserveBytes: 0, ...options });
}
