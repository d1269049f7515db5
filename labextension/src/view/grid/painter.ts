/** Draws the cells of a status grid. It knows what it has drawn, and draws what differs. */
import { FEW_FAILURES, isDimmed, isFailure, LOOKS, lookOf, type Look } from './cells.js';
import { areSame, around, cornerOf, type Layout } from './layout.js';

export type Colours = Record<Look | 'ring', string>;

/** Beyond this share of changed cells, drawing all anew is quicker. */
const MANY = 0.3;
const FAINT = 0.22;
/** Rings lead the eye to what would be missed; where much failed they would hide the rest, and so they would where more than so many failed side by side. */
const BESIDE = 1;

export class Painter {
  #drawn = new Uint8Array();
  #layout: Layout | null = null;
  #colours: Colours | null = null;
  #hasRings = false;

  constructor(private readonly canvas: HTMLCanvasElement) {}

  /** `codes`: one a cell. Answers how many cells it drew. */
  paint(codes: Uint8Array, layout: Layout, colours: Colours): number {
    const pen = this.canvas.getContext('2d');
    if (!pen) {
      return 0;
    }
    const hasRings = areFew(codes);
    const isSame =
      this.#layout !== null &&
      areSame(layout, this.#layout) &&
      colours === this.#colours &&
      hasRings === this.#hasRings;
    this.#hasRings = hasRings;
    const changed = isSame ? this.#changed(codes) : null;
    if (changed === null || changed.size > codes.length * MANY) {
      if (this.canvas.width !== layout.width || this.canvas.height !== layout.height) {
        this.canvas.width = layout.width;
        this.canvas.height = layout.height;
      } else {
        pen.clearRect(0, 0, layout.width, layout.height);
      }
      this.#cells(pen, codes, layout, colours, range(codes.length));
      this.#rings(pen, codes, layout, colours, range(codes.length));
    } else if (changed.size > 0) {
      // Rings that come or go with a neighbour, what they reach into, and the rings that reach into that.
      const rings = new Set([...changed].flatMap(cell => around(layout, cell)));
      const touched = new Set([...rings].flatMap(cell => around(layout, cell)));
      this.#clear(pen, layout, touched);
      this.#cells(pen, codes, layout, colours, touched);
      this.#rings(pen, codes, layout, colours, new Set([...touched].flatMap(cell => around(layout, cell))));
    }
    this.#drawn = codes.slice();
    this.#layout = layout;
    this.#colours = colours;
    return changed?.size ?? codes.length;
  }

  #changed(codes: Uint8Array): Set<number> | null {
    if (codes.length < this.#drawn.length) {
      return null;
    }
    const changed = new Set<number>();
    for (let cell = 0; cell < codes.length; cell += 1) {
      if (codes[cell] !== this.#drawn[cell]) {
        changed.add(cell);
      }
    }
    return changed;
  }

  #clear(pen: CanvasRenderingContext2D, layout: Layout, cells: Iterable<number>): void {
    const { columns, rows, pitch, width, height } = layout;
    for (const cell of cells) {
      const { x, y } = cornerOf(layout, cell);
      const left = cell % columns === 0 ? 0 : x;
      const top = cell < columns ? 0 : y;
      const right = cell % columns === columns - 1 ? width : x + pitch;
      const bottom = cell >= (rows - 1) * columns ? height : y + pitch;
      pen.clearRect(left, top, right - left, bottom - top);
    }
  }

  /** One look after the other: changing the colour costs more than a rectangle. */
  #cells(
    pen: CanvasRenderingContext2D,
    codes: Uint8Array,
    layout: Layout,
    colours: Colours,
    cells: Iterable<number>
  ): void {
    const byCode = new Map<number, number[]>();
    for (const cell of cells) {
      const code = codes[cell];
      if (code !== undefined) {
        const same = byCode.get(code);
        if (same) {
          same.push(cell);
        } else {
          byCode.set(code, [cell]);
        }
      }
    }
    for (const [code, same] of byCode) {
      const look = lookOf(code);
      pen.fillStyle = colours[look];
      pen.globalAlpha = isDimmed(code) ? FAINT : 1;
      for (const cell of same) {
        const { x, y } = cornerOf(layout, cell);
        shape(pen, look, x, y, layout);
      }
    }
    pen.globalAlpha = 1;
  }

  #rings(
    pen: CanvasRenderingContext2D,
    codes: Uint8Array,
    layout: Layout,
    colours: Colours,
    cells: Iterable<number>
  ): void {
    const { margin, size, ring } = layout;
    if (!this.#hasRings) {
      return;
    }
    pen.fillStyle = colours.ring;
    for (const cell of cells) {
      if (isFailure(codes[cell] ?? LOOKS.length) && isAlone(codes, layout, cell)) {
        const { x, y } = cornerOf(layout, cell);
        frame(pen, x - margin, y - margin, size + 2 * margin, ring);
      }
    }
  }
}

function areFew(codes: Uint8Array): boolean {
  let failures = 0;
  for (const code of codes) {
    failures += isFailure(code) ? 1 : 0;
  }
  return failures <= FEW_FAILURES * codes.length;
}

/** But for one beside it: two rings are still told apart. */
function isAlone(codes: Uint8Array, layout: Layout, cell: number): boolean {
  const failed = around(layout, cell).filter(each => isFailure(codes[each] ?? LOOKS.length));
  return failed.length - 1 <= BESIDE;
}

/** No two looks are told apart by colour alone: what is done is a full square, and nothing else is. */
function shape(
  pen: CanvasRenderingContext2D,
  look: Look,
  x: number,
  y: number,
  { size, pitch }: Layout
): void {
  if (size < 3) {
    tiny(pen, look, x, y, pitch);
    return;
  }
  const third = Math.max(1, Math.floor(size / 3));
  const half = Math.max(1, Math.floor(size / 2));
  const inset = Math.max(1, Math.floor(size / 4));
  const thin = Math.max(1, Math.floor(size / 5));
  switch (look) {
    case 'failed':
      cross(pen, x, y, size);
      break;
    case 'running':
      frame(pen, x, y, size, third);
      break;
    case 'review':
      pen.fillRect(x, y, size, thin);
      pen.fillRect(x, y, thin, size);
      pen.fillRect(x, y + size - thin, size, thin);
      break;
    case 'stale':
      pen.fillRect(x, y, third, size);
      pen.fillRect(x + size - third, y, third, size);
      break;
    case 'completed':
      pen.fillRect(x, y, size, size);
      break;
    case 'cancelled':
      pen.fillRect(x, y + half, size, size - half);
      break;
    case 'skipped':
      pen.fillRect(x, y + size - third, size, third);
      break;
    case 'ready':
    case 'draft':
      pen.fillRect(x + inset, y + inset, size - 2 * inset, size - 2 * inset);
      break;
    case 'expected':
      pen.fillRect(x + half - 1, y + half - 1, thin, thin);
  }
}

/** Of two by two pixels. */
function tiny(pen: CanvasRenderingContext2D, look: Look, x: number, y: number, pitch: number): void {
  switch (look) {
    case 'failed':
      // No gap to the next one: there is no room for a cross.
      pen.fillRect(x, y, pitch, pitch);
      break;
    case 'running':
    case 'review':
      pen.fillRect(x, y, 1, 1);
      pen.fillRect(x + 1, y + 1, 1, 1);
      break;
    case 'stale':
      pen.fillRect(x, y, 1, 2);
      break;
    case 'cancelled':
    case 'skipped':
      pen.fillRect(x, y + 1, 2, 1);
      break;
    case 'ready':
    case 'draft':
    case 'expected':
      pen.fillRect(x, y, 1, 1);
      break;
    default:
      pen.fillRect(x, y, 2, 2);
  }
}

/** As in the icon of what failed. */
function cross(pen: CanvasRenderingContext2D, x: number, y: number, size: number): void {
  const thick = size < 5 ? 1 : Math.max(2, Math.round(size / 3));
  for (let row = 0; row < size; row += 1) {
    const from = Math.round((row * (size - thick)) / (size - 1));
    pen.fillRect(x + from, y + row, thick, 1);
    pen.fillRect(x + size - thick - from, y + row, thick, 1);
  }
}

function frame(pen: CanvasRenderingContext2D, x: number, y: number, size: number, thick: number): void {
  pen.fillRect(x, y, size, thick);
  pen.fillRect(x, y + size - thick, size, thick);
  pen.fillRect(x, y + thick, thick, size - 2 * thick);
  pen.fillRect(x + size - thick, y + thick, thick, size - 2 * thick);
}

function* range(end: number): Generator<number> {
  for (let i = 0; i < end; i += 1) {
    yield i;
  }
}
