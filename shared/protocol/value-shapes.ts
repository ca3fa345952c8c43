// Shapes of single values that cross a wire between our programs.

import Type, { type TSchema } from 'typebox';
import { classifyDigest, isDigest, type Digest } from '../oci/digest.ts';
import { isHostPort } from '../runtime/host-port.ts';

/** An object with these properties and no others. */
export const object = <P extends Record<string, TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

/** Bytes as they are. */
export const Bytes = Type.Refine(Type.Unsafe<Uint8Array>({}), (value) => value instanceof Uint8Array);
/** A digest of an algorithm that we serve. */
export const DigestText = Type.Refine(
  Type.Unsafe<Digest>({ type: 'string' }),
  (value) => typeof value === 'string' && isDigest(value),
);
/** A digest of any algorithm: what a manifest may name without our being able to hold it. */
export const AnyDigestText = Type.Refine(
  Type.String({ maxLength: 512 }),
  (value) => classifyDigest(value).type !== 'malformed',
);
/** The name of a repository. */
export const Repository = Type.String({ minLength: 1, maxLength: 255 });
/** A tag. */
export const Tag = Type.String({ minLength: 1, maxLength: 128 });
/** The size of a blob. */
export const SizeBytes = Type.Integer({ minimum: 0, maximum: 8 * 1024 ** 4 });
/** A member of the roster. */
export const NodeId = Type.String({ minLength: 1, maxLength: 64 });
/** Where something can be dialled. */
export const Address = Type.String({ minLength: 1, maxLength: 300, description: 'host:port' });
/** Where a node says that it may be dialled: what could not be dialled is refused before others hear of it. */
export const OwnAddress = Type.Refine(Address, (value) => typeof value === 'string' && isHostPort(value));

/** The same shape with every array and object readonly; bytes and plain values as they are. */
export type DeepReadonly<T> = T extends Uint8Array | string | number | boolean | undefined
  ? T
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;
