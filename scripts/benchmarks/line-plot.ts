// A plot of a few lines as SVG, small enough to keep beside the text that it belongs to. Pure.

/** A line; `steps` draws each value until the next. Points are in order of x. */
export interface PlotLine {
  readonly name: string;
  readonly color: string;
  readonly points: ReadonlyArray<readonly [x: number, y: number]>;
  readonly style: 'steps' | 'line' | 'faint';
}

/** What is drawn. y goes from 0 to 1, shown in per cent. */
export interface LinePlot {
  readonly title: string;
  readonly xName: string;
  readonly yName: string;
  readonly lines: readonly PlotLine[];
  /** Upright dashed lines, for example a bound. */
  readonly marks?: ReadonlyArray<{ readonly x: number; readonly name: string }>;
}

const WIDTH = 760;
const HEIGHT = 340;
const LEFT = 56;
const RIGHT = 16;
const TOP = 58;
const BOTTOM = 44;
/** Marks on the x axis, about. */
const X_TICKS = 8;
/** The x axis is at least so long: an empty plot has one too. */
const LEAST_X = 0.001;
/** Points of a line at most: more than the picture has columns would only make the file large. */
const MAX_POINTS = 300;

/** The whole SVG document. */
export function linePlotSvg(plot: LinePlot): string {
  const marks = plot.marks ?? [];
  const xs = [...plot.lines.flatMap((line) => line.points.map(([x]) => x)), ...marks.map((mark) => mark.x), LEAST_X];
  const step = tickStep(Math.max(...xs));
  const xMax = Math.ceil((Math.max(...xs) * 1.02) / step) * step;
  const toX = (x: number): number => round(LEFT + (x / xMax) * (WIDTH - LEFT - RIGHT));
  const toY = (y: number): number => round(HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM));
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text({ x: LEFT, y: 20, size: 14 }, plot.title),
    ...gridLines({ toX, toY, xMax, step }),
    text({ x: (LEFT + WIDTH) / 2, y: HEIGHT - 8, anchor: 'middle' }, plot.xName),
    `<text transform="translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escape(plot.yName)}</text>`,
    ...marks.map(
      ({ x, name }) =>
        `<path d="M${toX(x)} ${toY(0)}V${toY(1)}" stroke="#888" stroke-dasharray="4 3"/>${text({ x: toX(x) + 4, y: toY(0) - 6 }, name)}`,
    ),
    ...plot.lines.map((line) => pathOf(line, { toX, toY })),
    ...legend(plot.lines),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

interface Scale {
  readonly toX: (x: number) => number;
  readonly toY: (y: number) => number;
}

function gridLines({ toX, toY, xMax, step }: Scale & { readonly xMax: number; readonly step: number }): string[] {
  const lines: string[] = [];
  for (const y of [0, 0.25, 0.5, 0.75, 1]) {
    lines.push(`<path d="M${toX(0)} ${toY(y)}H${toX(xMax)}" stroke="#ddd"/>`);
    lines.push(text({ x: LEFT - 6, y: toY(y) + 4, anchor: 'end' }, `${y * 100} %`));
  }
  for (let tick = 0; tick * step <= xMax + step / 2; tick += 1) {
    const x = Number((tick * step).toPrecision(12));
    lines.push(text({ x: toX(x), y: HEIGHT - BOTTOM + 16, anchor: 'middle' }, String(x)));
  }
  return lines;
}

function pathOf(line: PlotLine, { toX, toY }: Scale): string {
  const every = Math.max(1, Math.ceil(line.points.length / MAX_POINTS));
  const points = line.points.filter((_, index) => index % every === 0 || index === line.points.length - 1);
  let path = '';
  for (const [index, [x, y]] of points.entries()) {
    if (index === 0) path += `M${toX(x)} ${toY(y)}`;
    else path += line.style === 'steps' ? `H${toX(x)}V${toY(y)}` : `L${toX(x)} ${toY(y)}`;
  }
  const stroke = line.style === 'faint' ? 'stroke-width="1" stroke-opacity="0.6"' : 'stroke-width="2"';
  return `<path d="${path}" fill="none" stroke="${line.color}" ${stroke}/>`;
}

function legend(lines: readonly PlotLine[]): string[] {
  const shown: string[] = [];
  let x = LEFT;
  for (const line of lines) {
    const stroke = line.style === 'faint' ? 1 : 3;
    shown.push(`<path d="M${x} 38h18" stroke="${line.color}" stroke-width="${stroke}"/>`);
    shown.push(text({ x: x + 24, y: 42 }, line.name));
    x += 48 + line.name.length * 6.2;
  }
  return shown;
}

/** 1, 2 or 5 times a power of ten, so that about `X_TICKS` fit. */
function tickStep(xMax: number): number {
  const rough = xMax / X_TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((each) => each * power >= rough) ?? 10;
  return factor * power;
}

function text(
  at: { readonly x: number; readonly y: number; readonly anchor?: 'middle' | 'end'; readonly size?: number },
  content: string,
): string {
  const anchor = at.anchor === undefined ? '' : ` text-anchor="${at.anchor}"`;
  const size = at.size === undefined ? '' : ` font-size="${at.size}"`;
  return `<text x="${round(at.x)}" y="${round(at.y)}"${anchor}${size}>${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
