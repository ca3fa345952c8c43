import { readFile, readdir } from 'node:fs/promises';

/** What a process holds at this moment, as Linux counts it. */
export interface ProcessUsage {
  readonly openFiles: number;
  readonly residentBytes: number;
}

/** @param pid a process of this machine, in whatever network namespace. */
export async function readProcessUsage(pid: number): Promise<ProcessUsage> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no memory; has it ended?`);
  const files = await readdir(`/proc/${pid}/fd`);
  return { openFiles: files.length, residentBytes: Number(kilobytes) * 1024 };
}
