// Names that people give to places, such as zones and racks.

/** Longest label: as long as a label of a host name, far above what anybody types. */
export const MAX_LABEL_CHARS = 63;
/** Letters, digits, dots, dashes and underscores; begins with a letter or a digit. */
export const LABEL_PATTERN = `^[A-Za-z0-9][A-Za-z0-9._-]{0,${MAX_LABEL_CHARS - 1}}$`;

const label = new RegExp(LABEL_PATTERN);

export function isLabel(text: string): boolean {
  return label.test(text);
}
