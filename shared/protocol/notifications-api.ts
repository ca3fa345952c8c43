// The part of the coordinator's HTTPS API that tells of notifications, and sends them again.
//
//   GET  /api/notifications             an admin certificate   endpoints, and a page of the delivery log, the newest first
//   POST /api/notifications/redeliver   an admin certificate   events of the delivery log wait again, as if they were new

import Type, { type Static, type TProperties } from 'typebox';

/** Deliveries in one answer; whoever wants more asks for those before the last. A page is below 1 MiB. */
export const MAX_DELIVERY_PAGE = 1000;

/** Names of endpoints in an answer that are not configured any more: more than a fleet ever had. */
export const MAX_UNCONFIGURED_TOLD = 20;

const object = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const Digits = Type.String({ pattern: '^[0-9]{1,15}$' });
const Name = Type.String({ minLength: 1, maxLength: 64 });
const EventId = Type.String({ minLength: 1, maxLength: 64 });
const Count = Type.Integer({ minimum: 0 });

/**
 * `waiting`: for its first or next attempt. `delivered`: answered well. `failed`: given up. `dropped`: pushed out of a full queue, or its
 * endpoint is not configured any more.
 */
const DeliveryState = Type.Union([
  Type.Literal('waiting'),
  Type.Literal('delivered'),
  Type.Literal('failed'),
  Type.Literal('dropped'),
]);

/** As text, all of it optional. */
export const NotificationQuery = object({
  endpoint: Type.Optional(Name),
  state: Type.Optional(DeliveryState),
  /** Deliveries that are older than this one, by its id. */
  before: Type.Optional(Digits),
  limit: Type.Optional(Digits),
});
export type NotificationQuery = Readonly<Static<typeof NotificationQuery>>;

const EndpointStatus = object({
  name: Type.String(),
  /** Of its URL; the rest may be secret. */
  host: Type.String(),
  waiting: Count,
  /** In the delivery log. */
  delivered: Count,
  failed: Count,
  dropped: Count,
  /** How long it is left alone because of failures; 0 when it is not. */
  pausedMs: Count,
});
export type EndpointStatus = Readonly<Static<typeof EndpointStatus>>;

const Delivery = object({
  id: Type.Integer({ minimum: 1 }),
  endpoint: Type.String(),
  eventId: Type.String(),
  /** When it happened. */
  atMs: Count,
  action: Type.String(),
  /** `team/app:v1`, `team/app@sha256:…` */
  subject: Type.String(),
  state: DeliveryState,
  attempts: Count,
  /** When the next attempt is due; of one that waits. */
  dueMs: Type.Optional(Count),
  /** Of the last attempt. */
  triedMs: Type.Optional(Count),
  status: Type.Optional(Count),
  problem: Type.Optional(Type.String()),
});
export type Delivery = Readonly<Static<typeof Delivery>>;

export const NotificationPage = object({
  endpoints: Type.Array(EndpointStatus),
  deliveries: Type.Array(Delivery, { maxItems: MAX_DELIVERY_PAGE }),
  hasMore: Type.Boolean(),
});
export type NotificationPage = Readonly<Static<typeof NotificationPage>>;

/** One event by its id, or all that ended in some way. */
export const RedeliverRequest = object({
  /** All that have it, when absent. */
  endpoint: Type.Optional(Name),
  eventId: Type.Optional(EventId),
  state: Type.Optional(Type.Union([Type.Literal('failed'), Type.Literal('dropped')])),
});
export type RedeliverRequest = Readonly<Static<typeof RedeliverRequest>>;

/** What became of those that were asked for; one event is counted once for each of its endpoints. */
export const RedeliverResponse = object({
  /** They wait again, as if they were new. */
  count: Count,
  /** No room in the queue of their endpoint: they stay in the delivery log. */
  left: Count,
  /** They waited already; of one event alone. */
  waiting: Count,
  /** Endpoints of that event that are not configured any more, the first of them. */
  unconfigured: Type.Array(Type.String(), { maxItems: MAX_UNCONFIGURED_TOLD }),
});
export type RedeliverResponse = Readonly<Static<typeof RedeliverResponse>>;
