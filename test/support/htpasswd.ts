// Passwords for tests.

/** bcrypt of `right`, cost 4. */
export const HASH_OF_RIGHT = '$2b$04$iE.AlrQUJoKSZ9hGTyVo2uTZyVkVrAPxLatzFUkAjKsXYVX9ajxfm';

/** An `Authorization` header. */
export function basicCredentials(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
