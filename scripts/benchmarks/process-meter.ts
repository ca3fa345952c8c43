// What a process used, as Linux counts it.

import { readFile, writeFile } from 'node:fs/promises';

/** Ticks of /proc/PID/stat: 100 a second on every Linux that Node runs on (getconf CLK_TCK). */
const TICKS_PER_SECOND = 100;
const KIB = 1024;

/** User and system time of a process since its start, in seconds. */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold spaces; utime and stime are the 12th and 13th field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory in bytes, now and at its highest since `resetPeak`. */
export async function residentBytes(pid: number): Promise<{ readonly now: number; readonly peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) * KIB;
  return { now: field('VmRSS'), peak: field('VmHWM') };
}

/** Starts a new peak for `residentBytes` (proc(5), clear_refs). */
export async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5');
}

/** Runs `work` and gives what it took: wall seconds, and CPU seconds of the processes named. */
export async function meter(
  pids: readonly number[],
  work: () => Promise<unknown>,
): Promise<{ readonly wallSeconds: number; readonly cpuSeconds: number }> {
  const before = await totalCpu(pids);
  const startedMs = performance.now();
  await work();
  const wallSeconds = (performance.now() - startedMs) / 1000;
  return { wallSeconds, cpuSeconds: (await totalCpu(pids)) - before };
}

/** User and system time of processes since their start, in seconds; those that ended count nothing. */
export async function totalCpu(pids: readonly number[]): Promise<number> {
  let total = 0;
  for (const pid of pids) total += await cpuSeconds(pid).catch(() => 0);
  return total;
}
