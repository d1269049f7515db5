/** Where the cells of a status grid are. All in pixels of the screen, whole ones, so that edges are crisp at any zoom. */

/** CSS pixels from one cell to the next. */
const LARGEST = 12;
const SMALLEST = 3;

export interface Layout {
  columns: number;
  rows: number;
  /** From one cell to the next. */
  pitch: number;
  /** Of which the cell has so many. */
  size: number;
  /** How thick the ring around a failure is; as much is free between it and its cell. */
  ring: number;
  /** Around all, for the rings at the edge. */
  margin: number;
  /** Tasks a cell stands for. */
  each: number;
  width: number;
  height: number;
  /** Pixels of the screen to one of CSS. */
  ratio: number;
}

/**
 * The largest cells with which all tasks fit into `width` by `height` CSS pixels. Where even the smallest don't, a cell stands for several tasks: nobody can
 * point at less, and whoever scrolls a picture doesn't see it at a glance.
 */
export function layoutOf(count: number, width: number, height: number, ratio: number): Layout {
  const ring = Math.max(1, Math.round(ratio));
  const margin = 2 * ring;
  const across = Math.max(1, Math.floor(width * ratio) - 2 * margin);
  const down = Math.max(1, Math.floor(height * ratio) - 2 * margin);
  const fitting = (cells: number) => {
    let pitch = Math.round(LARGEST * ratio);
    while (pitch > smallest && Math.ceil(cells / columnsOf(across, pitch)) * pitch > down) {
      pitch -= 1;
    }
    return pitch;
  };
  const smallest = Math.round(SMALLEST * ratio);
  const most = columnsOf(across, smallest) * Math.max(1, Math.floor(down / smallest));
  const each = Math.max(1, Math.ceil(count / most));
  const pitch = fitting(Math.ceil(count / each));
  const columns = columnsOf(across, pitch);
  const rows = Math.max(1, Math.ceil(Math.ceil(count / each) / columns));
  return {
    columns,
    rows,
    pitch,
    size: pitch - Math.max(1, Math.round(pitch / 5)),
    ring,
    margin,
    each,
    width: columns * pitch + 2 * margin,
    height: rows * pitch + 2 * margin,
    ratio
  };
}

export function areSame(one: Layout, other: Layout): boolean {
  return (Object.keys(one) as (keyof Layout)[]).every(key => one[key] === other[key]);
}

function columnsOf(width: number, pitch: number): number {
  return Math.max(1, Math.floor(width / pitch));
}

/** Left upper corner of a cell. */
export function cornerOf({ columns, pitch, margin }: Layout, cell: number): { x: number; y: number } {
  return { x: margin + (cell % columns) * pitch, y: margin + Math.floor(cell / columns) * pitch };
}

/** The cell at a place given in CSS pixels, or -1. */
export function cellAt(layout: Layout, count: number, x: number, y: number): number {
  const { columns, pitch, margin, ratio, each } = layout;
  const column = Math.floor((x * ratio - margin) / pitch);
  const row = Math.floor((y * ratio - margin) / pitch);
  const cell = row * columns + column;
  return column >= 0 && column < columns && row >= 0 && cell * each < count ? cell : -1;
}

/** A cell, and those that its ring would touch. */
export function around({ columns }: Layout, cell: number): number[] {
  const column = cell % columns;
  const near: number[] = [];
  for (const row of [-1, 0, 1]) {
    for (const side of [-1, 0, 1]) {
      if (column + side >= 0 && column + side < columns && cell + row * columns + side >= 0) {
        near.push(cell + row * columns + side);
      }
    }
  }
  return near;
}
