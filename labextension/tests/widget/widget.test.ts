import { readFileSync } from 'node:fs';
import { act } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Bundle } from '../../src/core/bundle.js';
import { bundleOf } from '../../src/core/compact.js';
import widget from '../../src/widget/index.js';
import { Story } from '../view/story.js';

/** A kernel at the other end of the comm. */
class Kernel {
  readonly sent: unknown[] = [];
  private readonly listeners = new Map<string, Set<(...args: unknown[]) => void>>();
  bundle: unknown;

  constructor(readonly story: Story) {
    this.bundle = this.snapshot();
  }

  get = () => this.bundle;
  send = (content: unknown) => void this.sent.push(content);

  on = (event: string, callback: (...args: unknown[]) => void) => {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(callback));
  };

  off = (event: string, callback: (...args: unknown[]) => void) => {
    this.listeners.get(event)?.delete(callback);
  };

  get listening(): number {
    return [...this.listeners.values()].reduce((sum, each) => sum + each.size, 0);
  }

  tell(event: string, ...args: unknown[]): void {
    act(() => {
      this.listeners.get(event)?.forEach(listener => listener(...args));
      vi.advanceTimersByTime(500);
    });
  }

  /** What it does twice a second while a cell keeps it from hearing. */
  renew(): void {
    this.bundle = this.snapshot();
    this.tell('change:bundle');
  }

  /** What it answers once it hears. */
  answer(): void {
    const { tree } = this.story;
    const place = { project_id: 'local', epoch: 'local', offset: tree.offset, at: tree.at };
    const nodes = [...tree.nodes()];
    this.tell('msg:custom', { op: 'snapshot', ...place, part: 0, parts: 1, state: tree.state(), nodes });
    this.tell('msg:custom', { op: 'live', project_id: 'local', offset: tree.offset });
  }

  private snapshot(): Bundle {
    const origin = { projectId: null, missionId: 'run', title: 'x', epoch: null, follow: false };
    return bundleOf(this.story.tree, origin);
  }
}

let el: HTMLElement;
let kernel: Kernel;
let cleanup: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  el = document.createElement('div');
  document.body.append(el);
  kernel = new Kernel(
    new Story().task('run', null, { status: 'running' }).task('a', 'run', { status: 'running' })
  );
  act(() => {
    const { render } = widget;
    cleanup = render({ model: kernel, el } as never) as () => void;
  });
});

afterEach(() => {
  act(() => cleanup());
  el.remove();
  vi.useRealTimers();
});

const titles = () => [...el.querySelectorAll('.tt-title')].map(title => title.textContent);
const connection = () => el.querySelector('.tt-connection-text')?.textContent;

describe('the widget', () => {
  test('shows what it was made with at once, and asks the kernel for more', () => {
    expect(titles()).toEqual(['run', 'a']);
    expect(kernel.sent).toEqual([{ op: 'ready' }]);
    expect(connection()).toMatch(/not live/);
  });

  test('goes along with a kernel that is busy', () => {
    kernel.story.task('b', 'run');
    kernel.renew();
    expect(titles()).toEqual(['run', 'a', 'b']);
    expect(connection()).toBe('from the kernel');
  });

  test('goes on with its frames once it is heard, and never says "live"', () => {
    kernel.answer();
    kernel.story.task('b', 'run');
    const { tree, timestamp } = kernel.story;
    const data = { node_id: 'b', changes: { title: 'b', parent_id: 'run' } };
    const event = {
      type: 'node_update',
      project_id: 'local',
      data,
      timestamp,
      offset: tree.offset,
      at: tree.at
    };
    kernel.tell('msg:custom', { op: 'events', project_id: 'local', epoch: 'local', events: [event] });
    expect(titles()).toEqual(['run', 'a', 'b']);
    expect(connection()).toBe('from the kernel');
  });

  test('says so when the kernel is gone, and keeps what it knew', () => {
    kernel.answer();
    kernel.tell('comm:close');
    expect(titles()).toEqual(['run', 'a']);
    expect(connection()).toBe('offline');
    expect(el.textContent).toContain('Run the cell again');
  });

  test('believes a kernel that speaks again', () => {
    kernel.answer();
    kernel.tell('comm_live_update');
    expect(connection()).toBe('offline');
    kernel.answer();
    expect(connection()).toBe('from the kernel');
  });

  test('brings every style sheet of the views along', () => {
    const sheets = (file: string) =>
      [...readFileSync(file, 'utf8').matchAll(/\/(\w+)\.css'/g)].map(([, name]) => name);
    const views = sheets('style/index.css').filter(name => name !== 'lab');
    expect(views).toContain('table');
    expect(sheets('src/widget/index.tsx').sort()).toEqual(views.sort());
  });

  test('brings its styles along, and leaves nothing behind', () => {
    expect(el.querySelector('style')).toBeTruthy();
    act(() => cleanup());
    expect(kernel.listening).toBe(0);
    expect(el.querySelector('.tt-view')).toBeNull();
  });
});
