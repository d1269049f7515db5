/** Whether two pictures are the same to the eye: pixelmatch knows antialiasing from a change. */
import pixelmatch from 'pixelmatch';

/** Of a pixel's difference, 0 to 1: less is the same colour. */
const THRESHOLD = 0.03;

export interface Comparison {
  /** How many pixels differ; null: they aren't of one size. */
  different: number | null;
  /** The difference as a PNG, in base64. */
  picture: string | null;
}

export async function compare(before: string, after: string): Promise<Comparison> {
  const [one, other] = await Promise.all([pixelsOf(before), pixelsOf(after)]);
  const { width, height } = one;
  if (width !== other.width || height !== other.height) {
    return { different: null, picture: null };
  }
  const found = new ImageData(width, height);
  const different = pixelmatch(one.data, other.data, found.data, width, height, { threshold: THRESHOLD });
  return { different, picture: different === 0 ? null : await pngOf(found) };
}

async function pixelsOf(png: string): Promise<ImageData> {
  const bytes = Uint8Array.from(atob(png), each => each.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
  const context = contextOf(bitmap.width, bitmap.height);
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

async function pngOf(pixels: ImageData): Promise<string> {
  const context = contextOf(pixels.width, pixels.height);
  context.putImageData(pixels, 0, 0);
  const bytes = new Uint8Array(await (await context.canvas.convertToBlob()).arrayBuffer());
  return btoa(Array.from(bytes, each => String.fromCharCode(each)).join(''));
}

function contextOf(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) {
    throw new Error('no canvas');
  }
  return context;
}
