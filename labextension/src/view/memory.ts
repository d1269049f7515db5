/** What somebody chose in the views of a project: it outlives a reload, and goes along from a cell to a tab. */
import { createContext, useCallback, useContext, useState } from 'react';
import { put } from '../core/json.js';

const PREFIX = 'tasktree:view:1:';
const KEPT_PROJECTS = 50;
/** Characters of a project's memory: beyond it, it is kept in the page only. */
const LONGEST = 100_000;

type Values = Record<string, unknown>;

/** As much of the browser's `Storage` as is used here. */
export type Keeper = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

/** Values by name, of one project. What was kept may be anything: whoever reads it says what is allowed. */
export class ViewMemory {
  private values: Values;
  /** Chosen in this page and not kept yet. The rest may be another tab's, by now. */
  private chosen: Values = {};
  private isWriting = false;

  constructor(
    private readonly projectId: string | null,
    private readonly keeper: Keeper | null = browserKeeper()
  ) {
    this.values = projectId === null ? {} : read(keeper, PREFIX + projectId);
  }

  /** `parse` gets what was kept, or undefined, and answers a default for whatever it can't use. */
  read<T>(name: string, parse: (value: unknown) => T): T {
    return parse(Object.hasOwn(this.values, name) ? this.values[name] : undefined);
  }

  /** `value`: what JSON can say. Writes of one turn of the page go to the browser together. */
  write(name: string, value: unknown): void {
    put(this.values, name, value);
    put(this.chosen, name, value);
    if (!this.isWriting && this.projectId !== null) {
      this.isWriting = true;
      queueMicrotask(() => {
        this.isWriting = false;
        this.keep(PREFIX + String(this.projectId));
      });
    }
  }

  /** As if nobody had ever chosen anything. */
  forget(): void {
    this.values = {};
    this.chosen = {};
    try {
      this.keeper?.removeItem(PREFIX + String(this.projectId));
    } catch {
      // Not allowed: then nothing was kept either.
    }
  }

  private keep(key: string): void {
    if (Object.keys(this.chosen).length > 0) {
      const all = { ...read(this.keeper, key), ...this.chosen };
      if (keep(this.keeper, key, all)) {
        this.values = all;
        this.chosen = {};
      }
    }
  }
}

const remembered = new Map<string, ViewMemory>();

/** The one memory of a project in this page. */
export function memoryOf(projectId: string | null): ViewMemory {
  if (projectId === null) {
    return new ViewMemory(null);
  }
  const memory = remembered.get(projectId) ?? new ViewMemory(projectId);
  remembered.delete(projectId);
  remembered.set(projectId, memory);
  for (const oldest of remembered.keys()) {
    if (remembered.size <= KEPT_PROJECTS) {
      break;
    }
    remembered.delete(oldest);
  }
  return memory;
}

/** Whoever asks for the project's memory afterwards gets an empty one. */
export function forget(projectId: string | null): void {
  if (projectId !== null) {
    memoryOf(projectId).forget();
    remembered.delete(projectId);
  }
}

export const MemoryContext = createContext<ViewMemory>(new ViewMemory(null));

/** Like `useState`, but begins with what was chosen last in any view of the project. Views that are open already keep their own. */
export function useRemembered<T>(name: string, parse: (value: unknown) => T): [T, (value: T) => void] {
  const memory = useContext(MemoryContext);
  const [value, setValue] = useState(() => memory.read(name, parse));
  const choose = useCallback(
    (chosen: T) => {
      setValue(chosen);
      memory.write(name, chosen);
    },
    [memory, name]
  );
  return [value, choose];
}

/** None where a page may not keep anything. */
function browserKeeper(): Keeper | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

function read(keeper: Keeper | null, key: string): Values {
  try {
    const kept: unknown = JSON.parse(keeper?.getItem(key) ?? 'null');
    return typeof kept === 'object' && kept !== null && !Array.isArray(kept) ? { ...kept } : {};
  } catch {
    return {};
  }
}

/** It never fails, but answers whether it is kept: else it is known to this page alone. */
function keep(keeper: Keeper | null, key: string, values: Values): boolean {
  try {
    const text = JSON.stringify({ ...values, used: Date.now() });
    if (!keeper || text.length > LONGEST) {
      return false;
    }
    const isNew = keeper.getItem(key) === null;
    keeper.setItem(key, text);
    if (isNew) {
      forgetOldest(keeper);
    }
    return true;
  } catch {
    // Full, or not allowed.
    return false;
  }
}

function forgetOldest(keeper: Keeper): void {
  const keys: string[] = [];
  for (let i = 0; i < keeper.length; i += 1) {
    const key = keeper.key(i);
    if (key?.startsWith(PREFIX)) {
      keys.push(key);
    }
  }
  if (keys.length > KEPT_PROJECTS) {
    const used = keys.map(key => ({ key, used: Number(read(keeper, key).used ?? 0) }));
    used.sort((a, b) => b.used - a.used);
    used.slice(KEPT_PROJECTS).forEach(({ key }) => keeper.removeItem(key));
  }
}
