// What Linux can do for a file and Node does not offer: show a stretch of it as memory, and tell whether it is cached.
//
// This is the one border to the system's C library. The package that crosses it, koffi, is optional: on another system or
// processor, or where it was not installed, there is none, and its user does without.

import type Koffi from 'koffi';

/** Processors whose calls look as declared below: addresses and offsets of 64 bits. */
const ARCHITECTURES: ReadonlySet<string> = new Set(['x64', 'arm64']);
/** mmap(2), Linux. */
const protection = { none: 0, read: 1 };
const mapping = { shared: 0x01, private: 0x02, fixed: 0x10, anonymous: 0x20, noReserve: 0x4000 };
/** cachestat(2), since Linux 6.5; the same number on all processors above. */
const cachestat = 451n;

/** A stretch of address space that shows part of a file, or nothing. */
export interface FileWindow {
  /**
   * Valid only as long as a file is shown, and only for the system to read, as in a write to a socket: a page that the
   * disk cannot give is an error of that write, but would end the process if a program's own code read it.
   */
  readonly bytes: Uint8Array;
  /** Shows bytes of a file. @param position a multiple of the page size. @returns false when that cannot be; the window is then of no more use. */
  show(fd: number, position: number): boolean;
  /** Shows nothing, so that the file may go. @returns as `show`. */
  hide(): boolean;
}

export interface LinuxMemory {
  /** Positions of files that can be shown are multiples of this. */
  readonly pageBytes: number;
  /** Takes address space that is never given back: a view of it may be alive somewhere. @throws {Error} when there is none. */
  reserve(sizeBytes: number): FileWindow;
  /**
   * True when every byte is in the page cache, so that reading it waits for no disk. Asked in another thread.
   * @param fd stays open until this resolves.
   */
  isCached(fd: number, position: number, lengthBytes: number): Promise<boolean>;
}

export type LoadedLinuxMemory =
  | { readonly type: 'loaded'; readonly memory: LinuxMemory }
  /** Another system or processor, for which nothing can be installed. */
  | { readonly type: 'unsupported' }
  /** @property reason why the package does not load, for the log. */
  | { readonly type: 'missing'; readonly reason: string };

/** Gives the calls of the system, or says why there are none. Never rejects. */
export async function loadLinuxMemory(): Promise<LoadedLinuxMemory> {
  if (process.platform !== 'linux' || !ARCHITECTURES.has(process.arch)) return { type: 'unsupported' };
  try {
    const koffi = await import('koffi');
    return { type: 'loaded', memory: callsOf(koffi.default) };
  } catch (error) {
    const [firstLine = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    return { type: 'missing', reason: firstLine.slice(0, 200) };
  }
}

function callsOf({ load, view }: typeof Koffi): LinuxMemory {
  const process_ = load(null);
  const getpagesize = process_.func('int getpagesize()') as () => number;
  const mmap = process_.func('void *mmap(void *at, size_t length, int prot, int flags, int fd, int64_t offset)') as (
    ...call: [at: bigint | null, length: number, prot: number, flags: number, fd: number, offset: number]
  ) => bigint;
  const syscall = process_.func('intptr_t syscall(intptr_t number, intptr_t a, void *b, void *c, uintptr_t d)') as {
    async(
      ...call: [
        ...[number: bigint, a: number, b: BigUint64Array, c: BigUint64Array, d: number],
        done: (failure: unknown, result: number) => void,
      ]
    ): void;
  };
  const pageBytes = getpagesize();
  return {
    pageBytes,
    reserve: (sizeBytes) => {
      const flags = mapping.private | mapping.anonymous | mapping.noReserve;
      const at = mmap(null, sizeBytes, protection.none, flags, -1, 0);
      if (isFailure(at)) throw new Error('no address space for a window');
      const over = (...[prot, extra, fd, offset]: [number, number, number, number]): boolean =>
        !isFailure(mmap(at, sizeBytes, prot, extra | mapping.fixed, fd, offset));
      return {
        bytes: new Uint8Array(view(at, sizeBytes)),
        show: (fd, position) => over(protection.read, mapping.shared, fd, position),
        hide: () => over(protection.none, flags, -1, 0),
      };
    },
    isCached: async (fd, position, lengthBytes) => {
      const range = BigUint64Array.of(BigInt(position), BigInt(lengthBytes));
      const found = new BigUint64Array(5); // nr_cache, nr_dirty, nr_writeback, nr_evicted, nr_recently_evicted
      const result = await new Promise<number>((resolve) => {
        syscall.async(cachestat, fd, range, found, 0, (failure, value) => resolve(failure === null ? value : -1));
      });
      const pages = Math.ceil((position + lengthBytes) / pageBytes) - Math.floor(position / pageBytes);
      return result === 0 && Number(found[0]) >= pages;
    },
  };
}

/** MAP_FAILED, an address of all ones. */
function isFailure(address: bigint): boolean {
  return BigInt.asIntN(64, address) === -1n;
}
