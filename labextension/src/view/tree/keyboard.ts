/** What the keys of the tree mean. */

export type Command =
  | { do: 'go'; to: 'next' | 'previous' | 'first' | 'last' | 'page-down' | 'page-up' }
  | { do: 'open' | 'close' | 'open-siblings' | 'activate' | 'leave' }
  | { do: 'failure'; backwards: boolean; text: string }
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
  n: { do: 'failure', backwards: false, text: 'n' },
  N: { do: 'failure', backwards: true, text: 'n' }
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

/** The title that somebody wants to go to, as far as it was typed. `goesOn`: where they are may be it. */
interface Wish {
  text: string;
  goesOn: boolean;
}

/** The beginning of a title that is being typed. */
export class TypeAhead {
  private text = '';
  private last = 0;
  /** All that was typed is a letter that is a command too, and was taken for one. */
  private isCommand = false;

  constructor(private readonly clock: () => number = Date.now) {}

  get isTyping(): boolean {
    return this.isRecent && !this.isCommand;
  }

  private get isRecent(): boolean {
    return this.text !== '' && this.clock() - this.last < PAUSE;
  }

  /** A letter did what it commands; if another one follows, a title was meant that begins with both. */
  command(character: string): void {
    this.text = character;
    this.last = this.clock();
    this.isCommand = true;
  }

  /** Whatever comes next begins another title. */
  end(): void {
    this.text = '';
  }

  /** Where it leads, by `placeOf`; -1: nowhere. A character again and again goes from one title that begins with it to the next. */
  type(character: string, placeOf: (wish: Wish) => number): number {
    const typed = character.toLowerCase();
    const before = this.isRecent ? this.text : '';
    if (this.isCommand && before !== '' && placeOf({ text: before + typed, goesOn: true }) < 0) {
      this.end();
      return this.type(character, placeOf);
    }
    this.text = before + typed;
    this.last = this.clock();
    const isRepeated = !this.isCommand && this.text === typed.repeat(this.text.length / typed.length);
    this.isCommand = false;
    return placeOf(isRepeated ? { text: typed, goesOn: false } : { text: this.text, goesOn: before !== '' });
  }
}

/** The place of the next title that begins with `text`, after `from` or, where typing goes on, at it; -1 where none does. */
export function placeOfTitle(
  titleAt: (index: number) => string | null,
  count: number,
  from: number,
  { text, goesOn }: Wish
): number {
  for (let step = goesOn ? 0 : 1; step <= count; step += 1) {
    const index = (from + step) % count;
    if (titleAt(index)?.toLowerCase().startsWith(text)) {
      return index;
    }
  }
  return -1;
}
