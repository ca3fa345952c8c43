// What the whole machine does meanwhile: figures taken while others compute on it say little.

import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';

/** Jiffies of all cores since the machine started (proc(5), /proc/stat): first line, user nice system idle iowait ... */
interface CoreTimes {
  readonly idle: number;
  readonly total: number;
}

/** Load over the last minute. */
export function loadNow(): number {
  return Math.round((loadavg()[0] ?? Number.NaN) * 100) / 100;
}

/** Starts to watch. @returns a function that gives the share of all cores that was idle since then, 0 to 1. */
export async function watchIdleShare(): Promise<() => Promise<number>> {
  const before = await coreTimes();
  return async () => {
    const after = await coreTimes();
    return (after.idle - before.idle) / Math.max(1, after.total - before.total);
  };
}

async function coreTimes(): Promise<CoreTimes> {
  const [line = ''] = (await readFile('/proc/stat', 'utf8')).split('\n', 1);
  const jiffies = line.trim().split(/\s+/).slice(1, 9).map(Number);
  let total = 0;
  for (const each of jiffies) total += each;
  return { idle: (jiffies[3] ?? 0) + (jiffies[4] ?? 0), total };
}
