/** Whether a process with this id exists and is ours; tells what a crashed test run left from what a running one uses. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // it is gone, or the id now belongs to somebody else
  }
}
