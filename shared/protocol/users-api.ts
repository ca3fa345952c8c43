// The part of the coordinator's HTTPS API that keeps users, robots and their rights. All of it needs an admin certificate.
//
//   GET    /api/users              everybody, with their rights
//   POST   /api/users              a new user
//   POST   /api/users/NAME/password   another password
//   DELETE /api/users/NAME         takes a user away, with the rights
//   POST   /api/robots             a new robot; the answer holds its secret, which is nowhere else
//   DELETE /api/robots/NAME        takes a robot away, with the rights
//   POST   /api/rights             gives or takes rights
//
// Passwords never come here: the command line hashes them.

import Type, { type Static, type TSchema } from 'typebox';
import { ActionWord, BCRYPT_PATTERN } from '../access/access-policy.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** How long a robot is good for when nothing else is asked: a quarter, so that secrets change by the way. */
export const DEFAULT_ROBOT_TTL_MS = 90 * DAY_MS;
/** Longest life of a robot, two years: a secret that lives for ever is one that nobody knows the places of. */
export const MAX_ROBOT_TTL_MS = 730 * DAY_MS;

const object = <P extends Record<string, TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
const Count = Type.Integer({ minimum: 0 });
/** What the coordinator checks further, to say what is wrong with it. */
const Name = Type.String({ minLength: 1, maxLength: 255 });
const Actions = Type.Array(ActionWord, { minItems: 1, maxItems: 4 });
const Right = object({ actions: Actions, repositories: Type.String({ minLength: 1, maxLength: 4096 }) });
export type Right = Readonly<Static<typeof Right>>;

const PasswordHash = Type.String({ pattern: BCRYPT_PATTERN });

export const NewUser = object({ name: Name, passwordHash: PasswordHash, right: Type.Optional(Right) });
export type NewUser = Readonly<Static<typeof NewUser>>;

export const NewPassword = object({ passwordHash: PasswordHash });

export const NewRobot = object({
  name: Name,
  ttlMs: Type.Integer({ minimum: 1000, maximum: MAX_ROBOT_TTL_MS }),
  right: Type.Optional(Right),
});
export type NewRobot = Readonly<Static<typeof NewRobot>>;
export const RobotSecret = object({ name: Name, secret: Type.String(), expiresAtMs: Count });
export type RobotSecret = Readonly<Static<typeof RobotSecret>>;

/** `who` may also be `anonymous` or `authenticated`. Taking rights that nobody has is no failure. */
export const RightChange = object({
  change: Type.Union([Type.Literal('grant'), Type.Literal('revoke')]),
  who: Name,
  right: Right,
});
export type RightChange = Readonly<Static<typeof RightChange>>;
/** The rights of `who` after the change. */
export const Rights = object({ rights: Type.Array(Right) });
export type Rights = Readonly<Static<typeof Rights>>;

const Account = object({
  name: Name,
  kind: Type.Union([Type.Literal('user'), Type.Literal('robot')]),
  createdAtMs: Count,
  /** Of robots. */
  expiresAtMs: Type.Optional(Count),
  rights: Type.Array(Right),
});
export type Account = Readonly<Static<typeof Account>>;

export const FleetUserList = object({
  accounts: Type.Array(Account),
  /** What everybody may do, and what everybody with a login may. */
  anonymous: Type.Array(Right),
  authenticated: Type.Array(Right),
});
export type FleetUserList = Readonly<Static<typeof FleetUserList>>;

export const Done = object({});
