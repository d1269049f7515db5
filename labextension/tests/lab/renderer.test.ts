import './dom.js';
import { act } from '@testing-library/react';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TreeRenderer } from '../../src/lab/renderer.js';
import { isElected } from '../../src/lab/write-back.js';
import { FakeHub, Story, type FakeFollow } from '../view/story.js';
import { Notebook, Output, storedEarly } from './notebook.js';

const KERNEL_FIRST = 2000;

let notebook: Notebook;
let hub: FakeHub;
let story: Story;

beforeEach(() => {
  vi.useFakeTimers();
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  notebook = new Notebook();
  hub = new FakeHub();
  story = new Story().task('run', null, { status: 'running' }).task('a', 'run', { status: 'running' });
});

afterEach(() => {
  act(() => {
    notebook.dispose();
    vi.runAllTimers();
  });
  vi.useRealTimers();
});

function follow(): FakeFollow {
  return hub.followed[0]!;
}

function show(output: Output): TreeRenderer {
  act(() => void notebook.showOutput(output, hub));
  return output.renderers.at(-1)!;
}

/** The server says that it is so. */
function live(): void {
  act(() => hub.followed.forEach(each => each.set({ tree: story.tree, status: 'live', epoch: 'e1' })));
}

function wait(milliseconds = KERNEL_FIRST): void {
  act(() => void vi.advanceTimersByTime(milliseconds));
}

function end(): void {
  story.task('a', 'run', { status: 'completed' }).task('run', null, { status: 'completed' });
}

describe('the end of a run gets into the notebook', () => {
  test('once, and the other types stay', () => {
    const output = new Output(storedEarly(story));
    show(output);
    live();
    wait(60_000);
    expect(output.written).toBe(0);
    end();
    live();
    expect(output.written).toBe(0);
    wait();
    expect(output.written).toBe(1);
    expect(output.bundle).toMatchObject({ ended: true, offset: story.tree.offset, epoch: 'e1' });
    expect(output.data).toMatchObject({ 'text/html': '<b>old</b>', 'text/plain': 'old' });
    live();
    wait(60_000);
    expect(output.written).toBe(1);
  });

  test('also if it ended while nobody looked', () => {
    const output = new Output(storedEarly(story));
    end();
    show(output);
    live();
    wait();
    expect(output.bundle.ended).toBe(true);
  });

  test('not if the kernel did it meanwhile', () => {
    const output = new Output(storedEarly(story));
    show(output);
    end();
    live();
    act(() => output.setData({ data: { ...new Output(storedEarly(story)).data } }));
    wait(60_000);
    expect(output.written).toBe(1);
  });

  test('not again when only other runs go on', () => {
    end();
    const output = new Output(storedEarly(story));
    show(output);
    story.task('another', null, { status: 'completed' });
    live();
    wait(60_000);
    expect(output.written).toBe(0);
  });

  test('again when the run itself went on', () => {
    end();
    const output = new Output(storedEarly(story));
    show(output);
    story.task('run', null, { status: 'running' }).task('run', null, { status: 'failed' });
    live();
    wait();
    expect(output.written).toBe(1);
    expect(output.bundle.nodes[0]?.status).toBe('failed');
  });

  test('not from what is offline or catching up', () => {
    const output = new Output(storedEarly(story));
    show(output);
    end();
    for (const status of ['offline', 'catching-up', 'connecting', 'gone', 'refused'] as const) {
      act(() => follow().set({ tree: story.tree, status, epoch: 'e1' }));
      wait(60_000);
    }
    expect(output.written).toBe(0);
  });

  test('not where the document can’t be written', () => {
    const output = new Output(storedEarly(story));
    notebook.context.model.readOnly = true;
    show(output);
    end();
    live();
    wait(60_000);
    notebook.context.model.readOnly = false;
    notebook.context.contentsModel.writable = false;
    live();
    wait(60_000);
    expect(output.written).toBe(0);
  });

  test('only by the one client that is elected', () => {
    const output = new Output(storedEarly(story));
    notebook.clients.set(3, {});
    show(output);
    end();
    live();
    wait(60_000);
    notebook.save();
    expect(output.written).toBe(0);
    notebook.clients.delete(3);
    live();
    wait();
    expect(output.written).toBe(1);
  });

  test('once, though two views of the notebook show the output', () => {
    const output = new Output(storedEarly(story));
    show(output);
    show(output);
    end();
    live();
    wait(60_000);
    live();
    wait(60_000);
    expect(output.written).toBe(1);
  });

  test('never by rendering', () => {
    end();
    const early = storedEarly(new Story().task('run', null, { status: 'running' }));
    const output = new Output(early);
    const renderer = show(output);
    live();
    for (let i = 0; i < 5; i += 1) {
      act(() => void renderer.renderModel(output));
    }
    expect(output.written).toBe(0);
  });
});

describe('saving', () => {
  test('a running notebook puts into the file how far it is', () => {
    const output = new Output(storedEarly(story));
    show(output);
    story.task('b', 'run', { status: 'running' });
    live();
    expect(output.written).toBe(0);
    act(() => notebook.save());
    expect(output.bundle).toMatchObject({ ended: false, offset: story.tree.offset });
    act(() => notebook.save());
    expect(output.written).toBe(1);
  });

  test('offline keeps what is there', () => {
    const output = new Output(storedEarly(story));
    show(output);
    story.task('b', 'run', { status: 'running' });
    act(() => follow().set({ tree: story.tree, status: 'offline' }));
    act(() => notebook.save());
    expect(output.written).toBe(0);
  });

  test('a view that waits writes nothing until its run has begun', () => {
    const output = new Output(storedEarly(new Story(), { mission_id: null }));
    story = new Story();
    show(output);
    live();
    act(() => notebook.save());
    expect(output.written).toBe(0);
    story.task('first', null, { status: 'running' });
    live();
    story.task('second', null, { status: 'running' });
    live();
    act(() => notebook.save());
    expect(output.bundle.mission_id).toBe('first');
  });
});

describe('an output', () => {
  test('without a server shows what is stored, and asks nobody', () => {
    const output = new Output(storedEarly(story, { project_id: null }));
    const renderer = show(output);
    expect(hub.followed).toHaveLength(0);
    expect(renderer.node.textContent).toContain('not live');
    expect(renderer.node.querySelector('.tt-row')).toBeTruthy();
  });

  test('that holds no tree says so', () => {
    const renderer = show(new Output('nonsense'));
    expect(renderer.node.textContent).toContain('No tree here');
  });

  test('lets go of its project when it goes', () => {
    const renderer = show(new Output(storedEarly(story)));
    expect(follow().closed).toBe(false);
    act(() => {
      renderer.dispose();
      vi.runAllTimers();
    });
    expect(follow().closed).toBe(true);
  });

  test('follows one project at a time', () => {
    const output = new Output(storedEarly(story));
    show(output);
    act(() => output.setData({ data: { ...output.data } }));
    expect(hub.followed).toHaveLength(1);
    act(() => output.setData({ data: new Output(storedEarly(story, { project_id: 'q' })).data }));
    expect(hub.followed).toHaveLength(2);
    expect(follow().closed).toBe(true);
  });

  test('goes on listening for the save after it was moved', () => {
    const output = new Output(storedEarly(story));
    const renderer = show(output);
    act(() => {
      MessageLoop.sendMessage(renderer, Widget.Msg.BeforeDetach);
      MessageLoop.sendMessage(renderer, Widget.Msg.AfterAttach);
    });
    story.task('b', 'run', { status: 'running' });
    live();
    act(() => notebook.save());
    expect(output.written).toBe(1);
  });
});

test('the client with the lowest id is elected, and one alone is it', () => {
  const states = (...ids: number[]) => new Map(ids.map(id => [id, {}]));
  expect(isElected(null)).toBe(true);
  expect(isElected({ clientID: 7, getStates: () => states(7) })).toBe(true);
  expect(isElected({ clientID: 7, getStates: () => states(7, 9) })).toBe(true);
  expect(isElected({ clientID: 7, getStates: () => states(2, 7) })).toBe(false);
  expect(isElected({ clientID: 7, getStates: () => states() })).toBe(true);
});
