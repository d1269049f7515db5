/** Lumino asks for more of a browser than jsdom has. */
if (!('DragEvent' in globalThis)) {
  Object.assign(globalThis, { DragEvent: class extends MouseEvent {} });
}
