// Messages of a session as bytes: one MessagePack value per binary WebSocket frame.
//
//   node ─▶ coordinator   { type: 'request', id, method, params }
//   node ◀─ coordinator   { type: 'response', id, result } or { type: 'response', id, error: { code, message, detail } }
//   node ◀─ coordinator   { type: 'event', event }
//
// `id` grows by one per request of a session. Requests are answered in any order, events in the order they were sent.
// A frame that is not one of these, in either direction, closes the session with 1008; decoding never throws.

import { Packr } from 'msgpackr';
import Type, { type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { AppError, ERROR_CODES, isAppError, type ErrorCode } from '../runtime/errors.ts';
import {
  CoordinatorEvent,
  MAX_MESSAGE_BYTES,
  METHODS,
  type MethodName,
  type Params,
  type Result,
} from './coordinator-methods.ts';
import { isPlainMessagePack } from './msgpack-shape.ts';

/** WebSocket close code for a frame that breaks this protocol (RFC 6455, 7.4.1). */
export const CLOSE_POLICY_VIOLATION = 1008;

/** A request whose params fit its method. */
export type SessionRequest = {
  [M in MethodName]: { readonly id: number; readonly method: M; readonly params: Params<M> };
}[MethodName];

/** A failure on the wire. `internal` stands for a bug of the coordinator: its text stays in the coordinator's log. */
export interface WireError {
  readonly code: ErrorCode | 'internal';
  readonly message: string;
  readonly detail: AppError['detail'];
}

export type CoordinatorMessage =
  | { readonly type: 'result'; readonly id: number; /** To be checked by `parseResult`. */ readonly result: unknown }
  | { readonly type: 'error'; readonly id: number; readonly error: WireError }
  | { readonly type: 'event'; readonly event: CoordinatorEvent };

const object = <P extends Record<string, TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
const Id = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** Characters of a message of an error that travel; the rest is cut off. */
const MAX_ERROR_CHARS = 2000;

const RequestEnvelope = object({
  type: Type.Literal('request'),
  id: Id,
  method: Type.String(),
  params: Type.Unknown(),
});
const ErrorShape = object({
  code: Type.Union([...ERROR_CODES, 'internal' as const].map((code) => Type.Literal(code))),
  message: Type.String(),
  detail: Type.Record(
    Type.String(),
    Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Array(Type.String())]),
  ),
});
const CoordinatorEnvelope = Type.Union([
  object({ type: Type.Literal('response'), id: Id, result: Type.Unknown() }),
  object({ type: Type.Literal('response'), id: Id, error: ErrorShape }),
  object({ type: Type.Literal('event'), event: CoordinatorEvent }),
]);
type CoordinatorEnvelope = Static<typeof CoordinatorEnvelope>;

interface Check {
  Check(value: unknown): boolean;
}

const requestEnvelope = Compile(RequestEnvelope);
const coordinatorEnvelope = Compile(CoordinatorEnvelope);
const paramsChecks = new Map<string, Check>();
const resultChecks = new Map<string, Check>();
for (const [method, { params, result }] of Object.entries(METHODS)) {
  paramsChecks.set(method, Compile(params));
  resultChecks.set(method, Compile(result));
}

// Plain MessagePack: no records, no extensions. An `undefined` field is a field that is not there.
const packing = { useRecords: false, mapsAsObjects: true, skipValues: [undefined] }; // its types do not know `skipValues`
const packr = new Packr(packing);

/** The frame of a call. @throws {AppError} `message_invalid` when it would be larger than a frame may be. */
export function encodeRequest<M extends MethodName>(id: number, method: M, params: Params<M>): Uint8Array {
  return encode({ type: 'request', id, method, params });
}

/** The frame of an answer. @throws {AppError} `message_invalid` when it would be larger than a frame may be. */
export function encodeResult(id: number, result: unknown): Uint8Array {
  return encode({ type: 'response', id, result });
}

/** The frame of a failure; what is not an AppError travels as `internal`, without its text. */
export function encodeError(id: number, error: unknown): Uint8Array {
  return encode({ type: 'response', id, error: toWireError(error) });
}

/** The frame of an event. */
export function encodeEvent(event: CoordinatorEvent): Uint8Array {
  return encode({ type: 'event', event });
}

/** @returns undefined for anything that is not a well-formed request of a known method. */
export function decodeRequest(bytes: Uint8Array): SessionRequest | undefined {
  const value = decode(bytes);
  if (!requestEnvelope.Check(value)) return undefined;
  const { id, method, params } = value;
  if (paramsChecks.get(method)?.Check(params) !== true) return undefined;
  return { id, method, params } as SessionRequest;
}

/** @returns undefined for anything that is not a well-formed response or event. */
export function decodeCoordinatorMessage(bytes: Uint8Array): CoordinatorMessage | undefined {
  const value = decode(bytes);
  if (!coordinatorEnvelope.Check(value)) return undefined;
  const message: CoordinatorEnvelope = value;
  if (message.type === 'event') return message;
  if ('error' in message) return { type: 'error', id: message.id, error: message.error };
  return { type: 'result', id: message.id, result: message.result };
}

/** The result of a call of `method`; undefined when the coordinator sent another shape. */
export function parseResult<M extends MethodName>(method: M, result: unknown): Result<M> | undefined {
  return resultChecks.get(method)?.Check(result) === true ? (result as Result<M>) : undefined;
}

/** What a caller gets for an error on the wire: an AppError, or a plain Error for a bug of the coordinator. */
export function errorFromWire(error: WireError): Error {
  if (error.code === 'internal') return new Error('the coordinator failed; its log says why');
  return new AppError(error.code, error.message, { detail: error.detail });
}

function toWireError(error: unknown): WireError {
  if (!isAppError(error)) return { code: 'internal', message: 'internal error', detail: {} };
  return { code: error.code, message: error.message.slice(0, MAX_ERROR_CHARS), detail: error.detail };
}

function encode(message: object): Uint8Array {
  const bytes = packr.pack(message);
  if (bytes.byteLength <= MAX_MESSAGE_BYTES) return bytes;
  throw new AppError('message_invalid', 'a session message is larger than a frame may be', {
    detail: { bytes: bytes.byteLength, limit: MAX_MESSAGE_BYTES },
  });
}

function decode(bytes: Uint8Array): unknown {
  if (bytes.byteLength > MAX_MESSAGE_BYTES || !isPlainMessagePack(bytes)) return undefined;
  try {
    const value: unknown = packr.unpack(bytes);
    return value;
  } catch {
    return undefined; // what it was is of no use: the session ends
  }
}
