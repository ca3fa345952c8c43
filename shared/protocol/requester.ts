// Who asked a node for something, and by which request. It goes with every change to the coordinator, for the audit log and for
// notifications. Nobody decides anything by it: the node has done that before.

import Type, { type Static } from 'typebox';

/** Longest name of a user that is kept; the rest is cut. Names in an htpasswd file are shorter, those of an issuer elsewhere may be anything. */
export const MAX_USER_CHARS = 256;
/** Longest `User-Agent` that is kept; the rest is cut. Docker's, the longest in use, has about 150. */
export const MAX_USER_AGENT_CHARS = 300;
/** Longest host, address or base of a link that is kept; the rest is cut. A host has 255 characters at most, its port and scheme the rest. */
export const MAX_PLACE_CHARS = 300;

/** In the place of a user for commands on a host of the fleet, which prove by a file there that they may. No user of the fleet can have this name. */
export const ADMINISTRATOR = '(administrator)';

const Place = Type.String({ maxLength: MAX_PLACE_CHARS });

export const Requester = Type.Object(
  {
    /** Empty for somebody without a login. */
    user: Type.String({ maxLength: MAX_USER_CHARS }),
    /** Of the client, by the word of trusted proxies. */
    address: Place,
    userAgent: Type.String({ maxLength: MAX_USER_AGENT_CHARS }),
    /** Made up by the node, one for each request. */
    requestId: Type.String({ minLength: 1, maxLength: 64 }),
    method: Type.String({ maxLength: 16 }),
    /** The `Host` of the request. */
    host: Place,
    /** Where that client sees the registry, `https://registry.example/prefix`; empty when it does not say. */
    baseUrl: Place,
    /** `host:port` of the node that took the request, by its own name. */
    registry: Place,
  },
  { additionalProperties: false },
);
export type Requester = Readonly<Static<typeof Requester>>;
