/** Frames that are answered: who waits for which, and what becomes of them when the connection goes. */
import type { Cancel, Environment } from './environment.js';
import { HubError } from './follow.js';
import type { ClientFrame, ErrorFrame, Frame } from './protocol.js';
import { translatable } from './translatable.js';

/** Milliseconds. */
const ANSWER_WITHIN = 15_000;

interface Request {
  frame: ClientFrame;
  isSent: boolean;
  cancelTimeout: Cancel;
  resolve(answer: Frame): void;
  reject(error: HubError): void;
}

export class Requests {
  private readonly waiting = new Map<number, Request>();

  constructor(
    private readonly environment: Pick<Environment, 'after'>,
    private readonly settled: () => void
  ) {}

  get size(): number {
    return this.waiting.size;
  }

  /** The answer's fields are the server's: `T` is what the protocol says of them. */
  add<T>(ref: number, frame: ClientFrame): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const cancelTimeout = this.environment.after(ANSWER_WITHIN, () => {
        const message = translatable(
          'The Jupyter server could not be reached in time. Try again when the connection is back.'
        );
        this.fail(ref, new HubError('offline', message, true));
      });
      const answered = (answer: Frame) => resolve(answer as T);
      this.waiting.set(ref, { frame, isSent: false, cancelTimeout, resolve: answered, reject });
    });
  }

  sendAll(send: (frame: ClientFrame) => boolean): void {
    for (const request of this.waiting.values()) {
      request.isSent ||= send(request.frame);
    }
  }

  answer(frame: Frame): void {
    const ref = typeof frame.ref === 'number' ? frame.ref : -1;
    if (frame.op === 'error') {
      const { code, message, retry, field } = frame as ErrorFrame;
      this.fail(ref, new HubError(code, message, retry, field));
      return;
    }
    const request = this.take(ref);
    if (request) {
      request.resolve(frame);
      this.settled();
    }
  }

  /** The connection went. A question can be asked again; whether an event was stored nobody knows. */
  interrupted(): void {
    for (const [ref, request] of [...this.waiting]) {
      if (request.isSent && request.frame.op === 'publish') {
        const message = translatable(
          'The connection was lost before the server confirmed it; look whether it happened, then try again.'
        );
        this.fail(ref, new HubError('offline', message, true));
      }
      request.isSent = false;
    }
  }

  /** There will be no connection. */
  failAll(message: string): void {
    for (const ref of [...this.waiting.keys()]) {
      this.fail(ref, new HubError('offline', message, true));
    }
  }

  private fail(ref: number, error: HubError): void {
    const request = this.take(ref);
    if (request) {
      request.reject(error);
      this.settled();
    }
  }

  private take(ref: number): Request | undefined {
    const request = this.waiting.get(ref);
    request?.cancelTimeout();
    this.waiting.delete(ref);
    return request;
  }
}
