// Where logins are checked.

/** Somebody whose password was right. */
export interface Account {
  readonly name: string;
  /** Changes with the password, and tells nothing of it: what was given out for an older one is worth nothing. */
  readonly version: string;
}

export interface Accounts {
  /** @returns undefined for a wrong name or password; takes as long for the one as for the other. */
  verify(user: string, password: string): Promise<Account | undefined>;
  /** The account as it is now, for a refresh token; undefined when it is gone. */
  find(user: string): Promise<Account | undefined>;
  /** The account as it is now, where that can be told without waiting; undefined when it is gone, and when it takes a look to tell. */
  findAtOnce(user: string): Account | undefined;
}
