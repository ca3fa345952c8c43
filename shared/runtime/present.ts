// Objects whose fields are there only when they have a value, as JSON and exact optional properties want them.

/** `{ ...present('tag', tag) }` has the field `tag`, unless that is undefined. */
export function present(name: string, value: unknown): object {
  return value === undefined ? {} : { [name]: value };
}
