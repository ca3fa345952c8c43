// A socket in a folder whose path is too long for one: the system takes 107 bytes. Linux has a short name for any open folder.

import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** `sun_path` of Linux and macOS, without the zero at its end; macOS has four less. */
const MAX_SOCKET_PATH_BYTES = 103;

/** Calls `use` with a name of the socket that the system takes; good until it is over. */
export async function withSocketPath<T>(path: string, use: (address: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return use(path);
  const folder = await open(dirname(path), 'r');
  try {
    return await use(join(`/proc/self/fd/${folder.fd}`, basename(path)));
  } finally {
    await folder.close();
  }
}
