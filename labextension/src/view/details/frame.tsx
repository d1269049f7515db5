import { useEffect, useRef } from 'react';
import { useWords } from '../words.js';

interface Props {
  title: string;
  icon?: React.ReactNode;
  onClose: () => void;
  children: React.ReactNode;
}

/** Around the details: what they are of, and how to leave them. The keyboard goes back to where it came from. */
export function Frame({ title, icon, onClose, children }: Props) {
  const words = useWords();
  const section = useRef<HTMLElement>(null);
  const opener = useRef<Element | null>(null);
  useEffect(() => {
    const before = document.activeElement;
    if (before && before !== document.body && !section.current?.contains(before)) {
      opener.current = before;
    }
  }, [title]);
  const close = () => {
    const hadFocus = section.current?.contains(document.activeElement) ?? false;
    const view = section.current?.closest('.tt-view');
    onClose();
    if (hadFocus) {
      const isThere = opener.current?.isConnected === true && view?.contains(opener.current) === true;
      const back = isThere ? opener.current : view?.querySelector('.tt-part [role="row"][tabindex="0"]');
      (back as HTMLElement | null)?.focus({ preventScroll: true });
    }
  };
  return (
    // Escape closes it from wherever the keyboard is inside.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <section
      ref={section}
      className="tt-details"
      aria-label={words.__('Details of %1', title)}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.preventDefault();
          event.stopPropagation();
          close();
        }
      }}
    >
      <div className="tt-details-head">
        {icon}
        <h3 className="tt-details-title" title={title}>
          {title}
        </h3>
        <button
          type="button"
          className="tt-icon-button"
          aria-label={words.__('Close details')}
          title={words.__('Close')}
          onClick={close}
        >
          <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" focusable="false">
            <path d="M3.5 3.5 10.5 10.5M10.5 3.5 3.5 10.5" className="tt-stroke" />
          </svg>
        </button>
      </div>
      {/* Scrolls, so the keyboard must get in. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="tt-details-body" tabIndex={0} role="group" aria-label={words.__('Fields')}>
        {children}
      </div>
    </section>
  );
}
