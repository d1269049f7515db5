/**
 * JSON objects whose keys come from strangers. A key may be `__proto__` or `constructor`: no plain assignment, and no reading
 * of what isn't the object's own.
 */

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

export function put(object: JsonObject, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[key] = value;
  }
}

/** A copy without the fields that are null; what lies deeper stays. */
export function withoutNulls(object: JsonObject): JsonObject {
  const copy = { ...object };
  for (const key of Object.keys(copy)) {
    if (copy[key] === null) {
      Reflect.deleteProperty(copy, key);
    }
  }
  return copy;
}

/** JSON Merge Patch (RFC 7396). Neither argument is changed. Recursive: the shape check bounds how deep a patch nests. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) {
    return patch;
  }
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value === null) {
      Reflect.deleteProperty(result, key);
    } else {
      put(result, key, isObject(value) ? mergePatch(own(result, key), value) : value);
    }
  }
  return result;
}

/** Whether objects and arrays lie in each other more than `limit` deep; the value itself is 1. */
export function nestsDeeper(value: unknown, limit: number): boolean {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  if (limit === 0) {
    return true;
  }
  if (Array.isArray(value)) {
    return value.some(item => nestsDeeper(item, limit - 1));
  }
  for (const key of Object.keys(value)) {
    if (nestsDeeper((value as JsonObject)[key], limit - 1)) {
      return true;
    }
  }
  return false;
}

export function fillMap<T>(map: Map<string, T>, object: Record<string, T>): void {
  for (const key of Object.keys(object)) {
    map.set(key, object[key] as T);
  }
}

export function toObject<T>(map: ReadonlyMap<string, T>): Record<string, T> {
  const object: Record<string, T> = {};
  for (const [key, value] of map) {
    put(object, key, value);
  }
  return object;
}
