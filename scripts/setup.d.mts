/** The checkout's top folder, absolute. */
export const root: string;
/** What `node` must run to be the shoal program; there after `ensureBuilt`. */
export const mainFile: string;
