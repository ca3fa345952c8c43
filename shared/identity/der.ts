// The little of DER (ITU-T X.690) that certificates and signing requests need: one encoder, one strict reader.
//
//   value = tag (1 byte) | length (1 byte, or 0x80 + n and n bytes) | contents
//
// The reader takes only what DER allows: definite lengths in their shortest form, nothing past the end.

import { AppError } from '../runtime/errors.ts';

/** Tags by their ASN.1 name. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

/** One value: its tag, its length, its contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthBytes(body.length), body]);
}

export function sequence(...values: readonly Uint8Array[]): Buffer {
  return der(TAG.sequence, ...values);
}

/** A value in a context tag: constructed (`[n] EXPLICIT`, or `[n] IMPLICIT` of a sequence). */
export function explicit(number: number, ...contents: readonly Uint8Array[]): Buffer {
  return der(0xa0 | number, ...contents);
}

/** Bytes in a primitive context tag (`[n] IMPLICIT` of a string). */
export function implicit(number: number, contents: Uint8Array): Buffer {
  return der(0x80 | number, contents);
}

/** A whole number at or above zero, most significant byte first. */
export function unsignedInteger(magnitude: Uint8Array): Buffer {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const shortest = magnitude.subarray(start);
  const isNegativeLooking = ((shortest[0] ?? 0) & 0x80) !== 0;
  return der(TAG.integer, isNegativeLooking ? Buffer.from([0]) : Buffer.alloc(0), shortest);
}

/** @param dotted for example `2.5.4.3`. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) bytes.push(...base128(arc));
  return der(TAG.oid, Buffer.from(bytes));
}

/** A bit string of whole bytes. */
export function bitString(contents: Uint8Array): Buffer {
  return der(TAG.bitString, Buffer.from([0]), contents);
}

/** A moment as X.509 writes it: two-digit years up to 2049, four digits from then on (RFC 5280, 4.1.2.5). */
export function time(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  const year = Number(digits.slice(0, 4));
  if (year >= 1950 && year < 2050) return der(TAG.utcTime, Buffer.from(digits.slice(2), 'ascii'));
  return der(TAG.generalizedTime, Buffer.from(digits, 'ascii'));
}

/** One value that was read. */
export interface DerValue {
  readonly tag: number;
  readonly contents: Buffer;
  /** Tag, length and contents as they stood. */
  readonly whole: Buffer;
}

/**
 * Reads the values that fill `bytes` exactly.
 * @throws {AppError} `message_invalid` for anything that DER does not allow, or more values than `limit`.
 */
export function readDer(bytes: Uint8Array, limit = 16): readonly DerValue[] {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: DerValue[] = [];
  let offset = 0;
  while (offset < source.length) {
    if (values.length === limit) throw malformed();
    const value = readValue(source, offset);
    values.push(value);
    offset += value.whole.length;
  }
  return values;
}

/** Wraps DER as PEM (RFC 7468). */
export function toPem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function readValue(source: Buffer, start: number): DerValue {
  const tag = source[start];
  const first = source[start + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw malformed();
  let headerBytes = 2;
  let contentBytes = first;
  if (first >= 0x80) {
    const count = first - 0x80;
    if (count === 0 || count > 3 || start + 2 + count > source.length) throw malformed();
    contentBytes = source.readUIntBE(start + 2, count);
    headerBytes += count;
    if (lengthBytes(contentBytes).length !== 1 + count) throw malformed();
  }
  const end = start + headerBytes + contentBytes;
  if (end > source.length) throw malformed();
  return { tag, contents: source.subarray(start + headerBytes, end), whole: source.subarray(start, end) };
}

function lengthBytes(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from([0x80 + bytes.length, ...bytes]);
}

function base128(arc: number): number[] {
  const bytes = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift(0x80 | (rest % 128));
  return bytes;
}

function malformed(): AppError {
  return new AppError('message_invalid', 'not valid DER');
}
