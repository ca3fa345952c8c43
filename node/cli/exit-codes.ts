// How the program ends.

/** Fixed, since people script against them. */
export const EXIT = { done: 0, failed: 1, wrongUsage: 2, notReachable: 3 } as const;
