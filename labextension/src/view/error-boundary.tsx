import { Component } from 'react';

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
    return (
      <div className="tt-view">
        <div className="tt-empty" role="alert">
          <p className="tt-empty-title">This tree can’t be shown</p>
          <p className="tt-empty-advice">
            {error.message}. The tasks themselves are not affected; reload the page to try again.
          </p>
        </div>
      </div>
    );
  }
}
