import { useId } from 'react';
import { useRemembered } from '../memory.js';

interface Props {
  /** Under which it is remembered whether it is open. */
  id: string;
  title: string;
  /** Said beside the title, also while it is closed. */
  note?: React.ReactNode;
  /** Whether it is open as long as nobody said otherwise. */
  open?: boolean;
  children: React.ReactNode;
}

/** A part of the details that can be put away: in all tasks of the project, until it is opened again. */
export function Section({ id, title, note, open = true, children }: Props) {
  const [isOpen, setOpen] = useRemembered(`section.${id}`, kept => (typeof kept === 'boolean' ? kept : open));
  const bodyId = useId();
  return (
    <section className="tt-fold">
      <h4 className="tt-details-heading">
        <button
          type="button"
          className="tt-fold-toggle"
          aria-expanded={isOpen}
          aria-controls={isOpen ? bodyId : undefined}
          onClick={() => setOpen(!isOpen)}
        >
          <svg
            className={`tt-fold-twisty${isOpen ? ' tt-open' : ''}`}
            viewBox="0 0 10 10"
            width="10"
            height="10"
            aria-hidden="true"
            focusable="false"
          >
            <path d="M3 1.5 7 5 3 8.5z" />
          </svg>
          <span>{title}</span>
        </button>
        {note ? <span className="tt-heading-note">{note}</span> : null}
      </h4>
      {isOpen ? (
        <div id={bodyId} className="tt-fold-body">
          {children}
        </div>
      ) : null}
    </section>
  );
}
