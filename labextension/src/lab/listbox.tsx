import { useId, useRef } from 'react';

interface Props<T> {
  label: string;
  items: readonly T[];
  keyOf: (item: T) => string;
  selected: string | null;
  onSelect: (key: string) => void;
  /** Double click, or Enter on the selected one. */
  onOpen?: (item: T) => void;
  onMouseDown?: (item: T, event: React.MouseEvent<HTMLElement>) => void;
  /** `data-…` attributes of an item. */
  dataOf?: (item: T) => Record<`data-${string}`, string>;
  children: (item: T) => React.ReactNode;
}

/** One of several: arrow keys, Home and End choose, as in any list of the platform. */
export function Listbox<T>(props: Props<T>) {
  const { label, items, keyOf, selected, onSelect, onOpen, onMouseDown, dataOf, children } = props;
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
  const chosen = items[at];
  const keys: Record<string, () => void> = {
    ArrowDown: () => choose(at + 1),
    ArrowUp: () => choose(at < 0 ? items.length - 1 : at - 1),
    Home: () => choose(0),
    End: () => choose(items.length - 1),
    ...(onOpen && chosen !== undefined ? { Enter: () => onOpen(chosen) } : {})
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
          onDoubleClick={onOpen && (() => onOpen(item))}
          onMouseDown={onMouseDown && (event => onMouseDown(item, event))}
          {...dataOf?.(item)}
        >
          {children(item)}
        </div>
      ))}
    </div>
  );
}
