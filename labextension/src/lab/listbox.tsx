import { useId, useRef } from 'react';

interface Props<T> {
  label: string;
  items: readonly T[];
  keyOf: (item: T) => string;
  selected: string | null;
  onSelect: (key: string) => void;
  children: (item: T) => React.ReactNode;
}

/** One of several: arrow keys, Home and End choose, as in any list of the platform. */
export function Listbox<T>({ label, items, keyOf, selected, onSelect, children }: Props<T>) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const at = items.findIndex(item => keyOf(item) === selected);

  const choose = (index: number) => {
    const item = items[Math.min(Math.max(index, 0), items.length - 1)];
    if (item !== undefined) {
      onSelect(keyOf(item));
      const element = list.current?.children[items.indexOf(item)];
      element?.scrollIntoView({ block: 'nearest' });
    }
  };
  const keys: Record<string, () => void> = {
    ArrowDown: () => choose(at + 1),
    ArrowUp: () => choose(at < 0 ? items.length - 1 : at - 1),
    Home: () => choose(0),
    End: () => choose(items.length - 1)
  };

  return (
    <div
      ref={list}
      className="tt-list"
      role="listbox"
      aria-label={label}
      tabIndex={0}
      aria-activedescendant={at < 0 ? undefined : `${id}-${at}`}
      onKeyDown={event => {
        const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
        if (act) {
          event.preventDefault();
          event.stopPropagation();
          act();
        }
      }}
    >
      {items.map((item, index) => (
        // The list itself has the keyboard; an option is only pointed at.
        // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
        <div
          key={keyOf(item)}
          id={`${id}-${index}`}
          className={`tt-item${index === at ? ' tt-selected' : ''}`}
          role="option"
          aria-selected={index === at}
          onClick={() => onSelect(keyOf(item))}
        >
          {children(item)}
        </div>
      ))}
    </div>
  );
}
