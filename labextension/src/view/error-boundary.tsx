import { Component } from 'react';
import { WordsContext } from './words.js';

interface Props {
  children: React.ReactNode;
  /** Another value tries again. */
  attempt?: unknown;
}

interface State {
  error: Error | null;
  attempt: unknown;
}

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
    if (!error) {
      return this.props.children;
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
        </div>
      </div>
    );
  }
}
