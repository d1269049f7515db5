/** What the keys of the tree mean. */

export type Command =
  | { do: 'go'; to: 'next' | 'previous' | 'first' | 'last' | 'page-down' | 'page-up' }
  | { do: 'open' | 'close' | 'open-siblings' | 'activate' | 'leave' }
  | { do: 'failure'; backwards: boolean }
  | { do: 'type'; text: string };

const COMMANDS: Record<string, Command> = {
  ArrowDown: { do: 'go', to: 'next' },
  ArrowUp: { do: 'go', to: 'previous' },
  PageDown: { do: 'go', to: 'page-down' },
  PageUp: { do: 'go', to: 'page-up' },
  Home: { do: 'go', to: 'first' },
  End: { do: 'go', to: 'last' },
  ArrowRight: { do: 'open' },
  ArrowLeft: { do: 'close' },
  '*': { do: 'open-siblings' },
  Enter: { do: 'activate' },
  ' ': { do: 'activate' },
  Escape: { do: 'leave' },
  n: { do: 'failure', backwards: false },
  N: { do: 'failure', backwards: true }
};
/** Has a meaning in the whole view: it leads to the search. */
const ELSEWHERE = '/';

type Pressed = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey'> & { isComposing?: boolean };

/** Null for what is none of the tree's keys. `isTyping`: a title was begun a moment ago, and what can be part of it goes on with it. */
export function commandOf(event: Pressed, isTyping: boolean): Command | null {
  const { key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) {
    return null;
  }
  // One character, which may take two units; names of keys are longer.
  const isCharacter = key.length === 1 || (key.length === 2 && key.codePointAt(0) !== key.charCodeAt(0));
  if (isTyping && isCharacter && key !== '*') {
    return { do: 'type', text: key };
  }
  if (Object.hasOwn(COMMANDS, key)) {
    return COMMANDS[key] ?? null;
  }
  return isCharacter && key !== ELSEWHERE ? { do: 'type', text: key } : null;
}

/** Milliseconds after which another title begins. */
const PAUSE = 800;

/** The beginning of a title that is being typed. */
export class TypeAhead {
  private text = '';
  private last = 0;

  constructor(private readonly clock: () => number = Date.now) {}

  get isTyping(): boolean {
    return this.text !== '' && this.clock() - this.last < PAUSE;
  }

  /** What was typed so far; a character again and again goes from one title that begins with it to the next. */
  type(character: string): { text: string; goesOn: boolean } {
    const before = this.isTyping ? this.text : '';
    this.text = before + character.toLowerCase();
    this.last = this.clock();
    const isRepeated = this.text === character.toLowerCase().repeat(this.text.length / character.length);
    return isRepeated ? { text: character.toLowerCase(), goesOn: false } : { text: this.text, goesOn: true };
  }
}

/** The place of the next title that begins with `text`, after `from` or, where typing goes on, at it; -1 where none does. */
export function placeOfTitle(
  titleAt: (index: number) => string | null,
  count: number,
  from: number,
  { text, goesOn }: { text: string; goesOn: boolean }
): number {
  for (let step = goesOn ? 0 : 1; step <= count; step += 1) {
    const index = (from + step) % count;
    if (titleAt(index)?.toLowerCase().startsWith(text)) {
      return index;
    }
  }
  return -1;
}
