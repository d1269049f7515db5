import { act, fireEvent, waitFor } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import { show } from './page.js';
import { gridSearch, Story } from './story.js';

describe('the tree by keyboard', () => {
  test('is one stop for Tab, on the row that was left', async () => {
    const page = show(gridSearch());
    await page.toTree();
    expect(page.focused()).toBe('Grid search');
    await page.user.keyboard('{ArrowDown}');
    expect(page.focused()).toBe('load data');
    await page.user.tab();
    await page.user.tab({ shift: true });
    expect(page.focused()).toBe('load data');
    expect(page.rows().filter(row => row.tabIndex === 0)).toHaveLength(1);
  });

  test('right opens, then goes in; left goes out, then closes', async () => {
    const page = show(gridSearch());
    await page.toTree();
    await page.user.keyboard('{ArrowDown}');
    expect(page.row('load data').getAttribute('aria-expanded')).toBe('false');
    await page.user.keyboard('{ArrowRight}');
    expect(page.row('load data').getAttribute('aria-expanded')).toBe('true');
    await page.user.keyboard('{ArrowRight}');
    expect(page.focused()).toBe('read');
    await page.user.keyboard('{ArrowLeft}');
    expect(page.focused()).toBe('load data');
    await page.user.keyboard('{ArrowLeft}');
    expect(page.titles()).not.toContain('read');
  });

  test('Home, End and the page keys reach every row of a long tree', async () => {
    const story = new Story().task('run', null, { status: 'running' });
    for (let i = 0; i < 5000; i += 1) {
      story.task(`t${i}`, 'run', { status: 'completed' });
    }
    const page = show(story);
    await page.toTree();
    await page.user.keyboard('{End}');
    expect(page.focused()).toMatch(/4.986 completed/);
    await page.user.keyboard('{ArrowRight}{End}');
    expect(page.focused()).toBe('t4985');
    await page.user.keyboard('{PageUp}');
    expect(page.focused()).not.toBe('t4985');
    await page.user.keyboard('{Home}');
    expect(page.focused()).toBe('run');
  });

  test('* opens all that stand beside the row', async () => {
    const story = new Story().task('run', null, { status: 'completed' });
    for (const group of ['a', 'b', 'c']) {
      story.task(group, 'run', { status: 'completed' }).task(`${group}1`, group, { status: 'completed' });
    }
    const page = show(story);
    await page.toTree();
    await page.user.keyboard('{ArrowDown}*');
    expect(page.titles()).toEqual(['run', 'a', 'a1', 'b', 'b1', 'c', 'c1']);
    expect(page.focused()).toBe('a');
  });

  test('typing a title goes to it, and on to the next one that begins so', async () => {
    const page = show(gridSearch());
    await page.toTree();
    await page.user.keyboard('ev');
    expect(page.focused()).toBe('evaluate');
    page.unmount();
    const story = new Story().task('run', null, { status: 'running' });
    ['beta', 'apple', 'ape', 'avocado', 'fit a'].forEach(title =>
      story.task(title, 'run', { status: 'running' })
    );
    const other = show(story);
    await other.toTree();
    await other.user.keyboard('a');
    expect(other.focused()).toBe('apple');
    await other.user.keyboard('a');
    expect(other.focused()).toBe('ape');
    await other.user.keyboard('a');
    expect(other.focused()).toBe('avocado');
  });

  test('a title that begins with n is reached by its first two letters, also where something failed', async () => {
    const story = new Story().task('run', null, { status: 'running' });
    ['load', 'fit', 'normalize', 'night', 'Notes', 'export'].forEach(title =>
      story.task(title, 'run', { status: title === 'fit' ? 'failed' : 'running' })
    );
    const page = show(story);
    await page.toTree();
    await page.user.keyboard('no');
    expect(page.focused()).toBe('normalize');
    await page.user.keyboard('{Home}ni');
    expect(page.focused()).toBe('night');
    await page.user.keyboard('{Home}{Shift>}N{/Shift}ot');
    expect(page.focused()).toBe('Notes');
    // No title begins so: it is a failure, then another title.
    await page.user.keyboard('{Home}ne');
    expect(page.focused()).toBe('export');
  });

  test('n stays a command after itself, and leaves the other keys theirs', async () => {
    const story = new Story().task('run', null, { status: 'running' });
    ['na', 'nn', 'one', 'two'].forEach((title, at) =>
      story.task(title, 'run', { status: at < 2 ? 'running' : 'failed' })
    );
    const page = show(story);
    await page.toTree();
    await page.user.keyboard('nn');
    expect(page.focused()).toBe('two');
    await page.user.keyboard('n ');
    expect(page.focused()).toBe('one');
    expect(page.getByRole('region', { name: 'Details of one' })).toBeTruthy();
    await page.user.keyboard('n{Home}a');
    expect(page.focused()).toBe('run');
  });

  test('n is a letter where nothing failed', async () => {
    const story = new Story().task('run', null, { status: 'running' });
    ['load', 'night', 'noon'].forEach(title => story.task(title, 'run', { status: 'running' }));
    const page = show(story);
    await page.toTree();
    await page.user.keyboard('n');
    expect(page.focused()).toBe('night');
    await page.user.keyboard('n');
    expect(page.focused()).toBe('noon');
  });

  test('n goes to the next failure and N to the one before, round and round, and selects nothing', async () => {
    const page = show(gridSearch(400));
    await page.toTree();
    await page.user.keyboard('n');
    expect(page.focused()).toBe('fit 386');
    await page.user.keyboard('n');
    expect(page.focused()).toBe('fit 394');
    await page.user.keyboard('n');
    expect(page.focused()).toBe('fit 386');
    await page.user.keyboard('N');
    expect(page.focused()).toBe('fit 394');
    expect(page.queryByRole('region')).toBeNull();
    await page.user.keyboard('{Enter}N');
    expect(page.focused()).toBe('fit 386');
    expect(page.getByRole('region', { name: 'Details of fit 386' })).toBeTruthy();
  });

  test('n leads to the tree from every other part, to its first failure', async () => {
    const page = show(gridSearch(400));
    for (const part of ['Table', 'Failures', 'Events']) {
      await page.user.click(page.getByRole('tab', { name: new RegExp(part) }));
      await page.user.keyboard('n');
      await waitFor(() => expect(page.focused()).toBe('fit 386'));
      expect(page.getByRole('tab', { name: 'Tree' }).getAttribute('aria-selected')).toBe('true');
    }
  });

  test('n leaves the part that is shown where nothing failed', async () => {
    const story = new Story()
      .task('run', null, { status: 'running' })
      .task('a', 'run', { status: 'running' });
    const page = show(story);
    await page.user.click(page.getByRole('tab', { name: 'Table' }));
    await page.user.keyboard('n');
    expect(page.getByRole('tab', { name: 'Table' }).getAttribute('aria-selected')).toBe('true');
  });

  test('n finds what failed in a group that somebody closed, and among those summed up', async () => {
    const story = new Story().task('run', null, { status: 'running' });
    story.task('deep', 'run', { status: 'completed' }).task('deep/1', 'deep', { status: 'failed' });
    for (let i = 0; i < 100; i += 1) {
      story.task(`fit/${i}`, 'run', { title: `fit ${i}`, status: i > 60 ? 'failed' : 'completed' });
    }
    const page = show(story);
    for (const title of ['deep', 'fit']) {
      await page.user.click(page.row(title).querySelector('[data-twisty="true"]')!);
    }
    await page.user.keyboard('{Home}n');
    expect(page.focused()).toBe('deep/1');
    for (let i = 61; i < 81; i += 1) {
      await page.user.keyboard('n');
      expect(page.focused()).toBe(`fit ${i}`);
    }
    expect(page.titles().filter(title => /^fit \d/.test(title)).length).toBeLessThan(16);
  });

  test('n stays where nothing failed', async () => {
    const page = show(new Story().task('run', null, { status: 'running' }).task('a', 'run'));
    await page.toTree();
    await page.user.keyboard('{ArrowDown}n');
    expect(page.focused()).toBe('a');
  });

  test('Enter shows the details, arrows move them along, Escape closes them', async () => {
    const page = show(gridSearch());
    await page.toTree();
    await page.user.keyboard('{ArrowDown}{Enter}');
    expect(page.getByRole('region', { name: 'Details of load data' })).toBeTruthy();
    expect(page.row('load data').getAttribute('aria-selected')).toBe('true');
    await page.user.keyboard('{ArrowDown}');
    expect(page.getByRole('region', { name: 'Details of fit' })).toBeTruthy();
    await page.user.keyboard('{Escape}');
    expect(page.queryByRole('region')).toBeNull();
    expect(page.focused()).toBe('fit');
  });

  test('keeps its keys from the notebook around it, and leaves it the others', async () => {
    const page = show(gridSearch());
    const heard: string[] = [];
    document.addEventListener('keydown', event => heard.push(event.key));
    await page.toTree();
    heard.length = 0;
    // A letter is the beginning of a title, and never a command of the notebook: "dd" would delete the cell.
    await page.user.keyboard('{ArrowDown}{Enter}{Escape}b{Escape}{F2}{Control>}s{/Control}');
    expect(heard).toEqual(['Escape', 'F2', 'Control', 's']);
  });

  test('the row with the keyboard stays when it is scrolled far out of sight', async () => {
    const story = new Story().task('run', null, { status: 'running' });
    for (let i = 0; i < 5000; i += 1) {
      story.task(`t${i}`, 'run', { status: 'completed' });
    }
    const page = show(story);
    await page.toTree();
    await page.user.keyboard('{End}{ArrowRight}{Home}{ArrowDown}');
    const grid = page.getByRole('treegrid');
    act(() => {
      grid.scrollTop = 60_000;
      fireEvent.scroll(grid);
    });
    expect(page.titles().filter(title => /^t22\d\d$/.test(title)).length).toBeGreaterThan(10);
    expect(page.focused()).toBe('t4986');
    await page.user.keyboard('{ArrowUp}');
    expect(page.focused()).toBe('run');
  });

  test('goes to the row beside it when the one it is at is removed, and on from there', async () => {
    const story = new Story().task('run', null, { status: 'running' });
    ['a', 'b', 'c', 'd'].forEach(id => story.task(id, 'run', { status: 'running' }));
    ['b1', 'b2'].forEach(id => story.task(id, 'b', { status: 'running' }));
    const page = show(story);
    await page.toTree();
    await page.user.keyboard('{ArrowDown}{ArrowDown}{ArrowDown}');
    expect(page.focused()).toBe('b1');
    story.node('b', null).node('b1', null).node('b2', null);
    page.follow.set({});
    await page.until(() => expect(page.focused()).toBe('c'));
    await page.user.keyboard('{ArrowDown}');
    expect(page.focused()).toBe('d');
    story.node('d', null);
    page.follow.set({});
    await page.until(() => expect(page.focused()).toBe('c'));
    await page.user.keyboard('{ArrowUp}');
    expect(page.focused()).toBe('a');
  });

  test('isn’t taken from where somebody went meanwhile', async () => {
    const story = new Story().task('run', null, { status: 'running' });
    ['a', 'b', 'c'].forEach(id => story.task(id, 'run', { status: 'running' }));
    const page = show(story);
    await page.toTree();
    await page.user.keyboard('{ArrowDown}');
    await page.user.click(page.getByRole('searchbox'));
    story.node('a', null);
    page.follow.set({});
    await page.until(() => expect(page.rows()).toHaveLength(3));
    expect(document.activeElement).toBe(page.getByRole('searchbox'));
    act(() => (document.activeElement as HTMLElement).blur());
    story.node('b', null);
    page.follow.set({});
    await page.until(() => expect(page.rows()).toHaveLength(2));
    expect(document.activeElement).toBe(document.body);
  });

  test('the row with the keyboard stays, though a long group shows others by now', async () => {
    const story = gridSearch(40);
    const page = show(story);
    await page.user.click(page.row('fit 36'));
    for (let i = 36; i < 40; i += 1) {
      story.task(`fit/${i}`, 'fit', { title: `fit ${i}`, status: 'completed' });
    }
    for (let i = 40; i < 60; i += 1) {
      story.task(`fit/${i}`, 'fit', { title: `fit ${i}`, status: 'running' });
    }
    page.follow.set({});
    await page.until(() => expect(page.titles()).toContain('fit 40'));
    expect(page.focused()).toBe('fit 36');
    expect(page.titles()).not.toContain('fit 37');
  });
});

describe('the tree for a screen reader', () => {
  test('is a treegrid whose rows tell level, place and state', () => {
    const page = show(gridSearch());
    const grid = page.getByRole('treegrid', { name: 'Tasks of Grid search' });
    expect(Number(grid.getAttribute('aria-rowcount'))).toBe(page.rows().length + 1);
    const fit = page.row('fit');
    expect(fit.getAttribute('aria-level')).toBe('2');
    expect(fit.getAttribute('aria-posinset')).toBe('2');
    expect(fit.getAttribute('aria-setsize')).toBe('4');
    expect(fit.getAttribute('aria-expanded')).toBe('true');
    expect(page.row('fit 26').hasAttribute('aria-expanded')).toBe(false);
  });

  test('every status has a name, not only a colour', () => {
    const story = new Story().task('run', null);
    const words = ['draft', 'ready', 'running', 'review', 'completed', 'failed', 'cancelled', 'skipped'];
    words.forEach(status => story.task(`a ${status} task`, 'run', { status }));
    const page = show(story);
    const shapes = words.map(word => {
      const icon = page.row(`a ${word} task`).querySelector('svg[role="img"]');
      expect(icon?.getAttribute('aria-label')).toContain(word);
      return icon?.innerHTML.replace(/<title>.*<\/title>/, '');
    });
    expect(new Set(shapes).size).toBe(words.length);
  });
});
