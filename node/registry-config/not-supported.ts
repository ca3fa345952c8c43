// What is said of a key that this version does not have: an error, never overlooked, since who sets it relies on what it does.

export const NOT_SUPPORTED =
  'not supported by this version; what you mean by it would not happen, so take it out to go on without it';
