// Numbers as people read them; the kind is told by how the name ends. Pure.

const TIMES: readonly (readonly [number, string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
  [1, 'ms'],
];
const SIZES: readonly (readonly [number, string])[] = [
  [1024 ** 4, 'TiB'],
  [1024 ** 3, 'GiB'],
  [1024 ** 2, 'MiB'],
  [1024, 'KiB'],
  [1, 'B'],
];

/** @param name `MAX_WAIT_MS`, `maxCachedBytes`, `maxEntries` and so on. */
export function shownValue(name: string, value: number): string {
  if (/(_MS|Ms)$/.test(name)) return inUnits(value, TIMES);
  if (name.endsWith('BYTES_PER_SECOND')) return `${grouped(value)} bytes/s`;
  if (/(_BYTES|Bytes)$/.test(name)) return inUnits(value, SIZES);
  if (name.endsWith('_SECONDS')) return `${grouped(value)} s`;
  if (name.endsWith('Mb')) return `${grouped(value)} MiB`;
  return grouped(value);
}

function inUnits(value: number, units: readonly (readonly [number, string])[]): string {
  const [size, unit] = units.find(([each]) => value >= each && Number.isInteger(value / each)) ?? [
    1,
    units.at(-1)?.[1],
  ];
  return `${grouped(value / size)} ${unit}`;
}

/** With a comma every three digits, and three digits after the point. */
function grouped(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 3 });
}
