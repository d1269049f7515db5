import { Component, createContext } from 'react';
import { WordsContext } from './words.js';

interface Props {
  children: React.ReactNode;
  /** Another value tries again. */
  attempt?: unknown;
  /** Forgets what was kept of the view: it may be what it fails at. Something else as `attempt` is to follow. */
  onForget?: () => void;
}

interface State {
  error: Error | null;
  attempt: unknown;
}

/** That of the boundary around: one inside has to try again too. */
export const AttemptContext = createContext<unknown>(undefined);

/** An output is never blank, not even where this code is wrong. */
export class ErrorBoundary extends Component<Props, State> {
  static override contextType = WordsContext;
  declare context: React.ContextType<typeof WordsContext>;

  override state: State = { error: null, attempt: this.props.attempt };

  static getDerivedStateFromError(error: unknown): Partial<State> {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  static getDerivedStateFromProps(props: Props, state: State): Partial<State> | null {
    return props.attempt === state.attempt ? null : { error: null, attempt: props.attempt };
  }

  override render() {
    const { error } = this.state;
    const { attempt, children, onForget } = this.props;
    if (!error) {
      return <AttemptContext.Provider value={attempt}>{children}</AttemptContext.Provider>;
    }
    const words = this.context;
    return (
      <div className="tt-view">
        <div className="tt-empty" role="alert">
          <p className="tt-empty-title">{words.__('This tree can’t be shown')}</p>
          <p className="tt-empty-advice">
            {words.__(
              '%1. The tasks themselves are not affected; reload the page to try again.',
              error.message
            )}
          </p>
          {onForget ? (
            <>
              <p className="tt-empty-advice">
                {words.__(
                  'If it still can’t be shown then, it may be for what was kept of this view: what was searched for, filters, columns, what was open.'
                )}
              </p>
              <p>
                <button
                  type="button"
                  className="tt-link tt-forget"
                  onClick={event => {
                    focusAfterwards(event.currentTarget);
                    onForget();
                  }}
                >
                  {words.__('Forget that and try again')}
                </button>
              </p>
            </>
          ) : null}
        </div>
      </div>
    );
  }
}

/** The button goes; whoever used the keyboard goes on where the view begins. */
function focusAfterwards(button: HTMLElement): void {
  const around = button.closest('.tt-view')?.parentElement;
  requestAnimationFrame(() => {
    around?.querySelector<HTMLElement>('.tt-view .tt-search-input, .tt-view .tt-forget')?.focus();
  });
}
