// Writes tar archives (POSIX ustar), the same bytes for the same entries: no times, no owners.

const blockBytes = 512;

/** One member of an archive. A file's content is bytes, or a stream with its size. */
export type TarEntry =
  | { readonly type: 'folder'; readonly path: string }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  | { readonly type: 'file'; readonly path: string; readonly mode?: number; readonly content: TarContent };

/** Bytes at hand, or made on the way. */
export type TarContent = Uint8Array | { readonly sizeBytes: number; readonly chunks: Iterable<Uint8Array> };

/** The archive of these entries in their order, in chunks. */
export function* tarArchive(entries: Iterable<TarEntry>): Generator<Uint8Array> {
  for (const entry of entries) {
    if (entry.type !== 'file') {
      yield header(entry, 0);
      continue;
    }
    const { content } = entry;
    const sizeBytes = content instanceof Uint8Array ? content.length : content.sizeBytes;
    yield header(entry, sizeBytes);
    if (content instanceof Uint8Array) yield content;
    else yield* content.chunks;
    yield Buffer.alloc((blockBytes - (sizeBytes % blockBytes)) % blockBytes);
  }
  yield Buffer.alloc(2 * blockBytes);
}

function header(entry: TarEntry, sizeBytes: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  if (Buffer.byteLength(entry.path) > 100) throw new Error(`too long for a plain tar header: ${entry.path}`);
  block.write(entry.path, 0);
  block.write(octal(entry.type === 'file' ? (entry.mode ?? 0o644) : 0o755, 7), 100);
  block.write(octal(0, 7), 108); // owner
  block.write(octal(0, 7), 116); // group
  block.write(octal(sizeBytes, 11), 124);
  block.write(octal(0, 11), 136); // time of change
  block.fill(' ', 148, 156); // the checksum counts itself as spaces
  block.write({ file: '0', link: '2', folder: '5' }[entry.type], 156);
  if (entry.type === 'link') block.write(entry.target, 157);
  block.write('ustar\u000000', 257, 'latin1');
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${octal(checksum, 6)}\0 `, 148, 'latin1');
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}
