// Looks at MessagePack bytes before they are decoded. A header of five bytes can claim four thousand million entries, and a
// decoder that believes it allocates them; nesting costs stack. Here every length must be covered by bytes that are there.

/** Nesting of a message, more is refused before it is decoded: the deepest of ours has seven, the rest is room for later. */
const MAX_DEPTH = 16;

interface Cursor {
  readonly view: DataView;
  offset: number;
}

/**
 * True when `bytes` hold exactly one MessagePack value of plain kinds (nil, booleans, numbers, strings, binary, arrays, maps
 * with string keys), no deeper than 16, whose lengths all fit. Extension types are refused: we send none. Never throws.
 */
export function isPlainMessagePack(bytes: Uint8Array): boolean {
  const cursor: Cursor = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
  return skipValue(cursor, 0) && cursor.offset === bytes.byteLength;
}

function skipValue(cursor: Cursor, depth: number): boolean {
  if (cursor.offset >= cursor.view.byteLength || depth > MAX_DEPTH) return false;
  const head = cursor.view.getUint8(cursor.offset);
  cursor.offset += 1;
  if (head <= 0x7f || head >= 0xe0) return true; // fixint
  if (head <= 0x8f) return skipEntries(cursor, { count: head & 0x0f, isMap: true, depth });
  if (head <= 0x9f) return skipEntries(cursor, { count: head & 0x0f, isMap: false, depth });
  if (head <= 0xbf) return skipBytes(cursor, head & 0x1f); // fixstr
  return skipSized(cursor, head, depth);
}

/** The kinds whose head byte says the width of what follows (MessagePack specification, "Formats"). */
function skipSized(cursor: Cursor, head: number, depth: number): boolean {
  switch (head) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return true;
    case 0xcc: // uint 8
    case 0xd0: // int 8
      return skipBytes(cursor, 1);
    case 0xcd:
    case 0xd1:
      return skipBytes(cursor, 2);
    case 0xca: // float 32
    case 0xce:
    case 0xd2:
      return skipBytes(cursor, 4);
    case 0xcb: // float 64
      return skipBytes(cursor, 8);
    case 0xc4: // bin
    case 0xd9: // str
      return skipBytes(cursor, readLength(cursor, 1));
    case 0xc5:
    case 0xda:
      return skipBytes(cursor, readLength(cursor, 2));
    case 0xc6:
    case 0xdb:
      return skipBytes(cursor, readLength(cursor, 4));
    case 0xdc: // array
      return skipEntries(cursor, { count: readLength(cursor, 2), isMap: false, depth });
    case 0xdd:
      return skipEntries(cursor, { count: readLength(cursor, 4), isMap: false, depth });
    case 0xde: // map
      return skipEntries(cursor, { count: readLength(cursor, 2), isMap: true, depth });
    case 0xdf:
      return skipEntries(cursor, { count: readLength(cursor, 4), isMap: true, depth });
    default: // 64-bit integers, extensions and the unused byte: nothing of ours
      return false;
  }
}

/** An unsigned length of `width` bytes; infinite when the bytes end before it. */
function readLength(cursor: Cursor, width: 1 | 2 | 4): number {
  const { view, offset } = cursor;
  if (offset + width > view.byteLength) return Number.POSITIVE_INFINITY;
  cursor.offset += width;
  if (width === 1) return view.getUint8(offset);
  return width === 2 ? view.getUint16(offset) : view.getUint32(offset);
}

function skipBytes(cursor: Cursor, length: number): boolean {
  cursor.offset += length;
  return cursor.offset <= cursor.view.byteLength;
}

function skipEntries(
  cursor: Cursor,
  entries: { readonly count: number; readonly isMap: boolean; readonly depth: number },
): boolean {
  const { count, isMap, depth } = entries;
  const smallest = isMap ? 2 * count : count; // an entry takes a byte at least
  if (smallest > cursor.view.byteLength - cursor.offset) return false;
  for (let entry = 0; entry < count; entry += 1) {
    if (isMap && !isStringHead(cursor)) return false;
    if (isMap && !skipValue(cursor, depth + 1)) return false;
    if (!skipValue(cursor, depth + 1)) return false;
  }
  return true;
}

function isStringHead(cursor: Cursor): boolean {
  if (cursor.offset >= cursor.view.byteLength) return false;
  const head = cursor.view.getUint8(cursor.offset);
  return (head >= 0xa0 && head <= 0xbf) || (head >= 0xd9 && head <= 0xdb);
}
