// What was chosen in a view comes back in the next one of the project.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { memoryOf, ViewMemory, type Keeper } from '../../src/view/memory.js';
import { Expansion } from '../../src/view/tree/expansion.js';
import { show } from './page.js';
import { gridSearch, Story } from './story.js';

class Kept implements Keeper {
  readonly all = new Map<string, string>();
  get length(): number {
    return this.all.size;
  }
  key = (index: number) => [...this.all.keys()][index] ?? null;
  getItem = (key: string) => this.all.get(key) ?? null;
  removeItem = (key: string) => void this.all.delete(key);
  setItem = (key: string, value: string) => void this.all.set(key, value);
}

const asNumber = (value: unknown) => (typeof value === 'number' ? value : 0);

afterEach(() => localStorage.clear());

describe('the memory of a project', () => {
  test('is there after a reload, and is the project’s own', async () => {
    const keeper = new Kept();
    new ViewMemory('p', keeper).write('width', 7);
    await Promise.resolve();
    expect(new ViewMemory('p', keeper).read('width', asNumber)).toBe(7);
    expect(new ViewMemory('q', keeper).read('width', asNumber)).toBe(0);
  });

  test('takes nothing for granted of what it finds', () => {
    const keeper = new Kept();
    for (const text of ['', '{', '7', '[1]', 'null', '{"width":"wide"}', '{"__proto__":{"width":7}}']) {
      keeper.setItem('tasktree:view:1:p', text);
      expect(new ViewMemory('p', keeper).read('width', asNumber)).toBe(0);
    }
  });

  test('goes on where the browser keeps nothing', async () => {
    const full: Keeper = Object.assign(new Kept(), {
      setItem: () => {
        throw new DOMException('full', 'QuotaExceededError');
      }
    });
    const memory = new ViewMemory('p', full);
    memory.write('width', 7);
    await Promise.resolve();
    expect(memory.read('width', asNumber)).toBe(7);
    expect(new ViewMemory('p', null).read('width', asNumber)).toBe(0);
  });

  test('leaves alone what another tab of the browser has kept meanwhile', async () => {
    const keeper = new Kept();
    const [one, other] = [new ViewMemory('p', keeper), new ViewMemory('p', keeper)];
    one.write('columns', 1);
    await Promise.resolve();
    other.write('part', 2);
    await Promise.resolve();
    one.write('width', 3);
    await Promise.resolve();
    const next = new ViewMemory('p', keeper);
    expect(['columns', 'part', 'width'].map(name => next.read(name, asNumber))).toEqual([1, 2, 3]);
    expect(one.read('part', asNumber)).toBe(2);
  });

  test('keeps later what the browser had no room for', async () => {
    const keeper = new Kept();
    const memory = new ViewMemory('p', keeper);
    const { setItem } = keeper;
    keeper.setItem = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    memory.write('width', 7);
    await Promise.resolve();
    keeper.setItem = setItem;
    memory.write('height', 8);
    await Promise.resolve();
    expect(new ViewMemory('p', keeper).read('width', asNumber)).toBe(7);
  });

  test('forgets what was opened longest ago, rather than what is chosen next, where ids are long', async () => {
    const keeper = new Kept();
    const memory = new ViewMemory('p', keeper);
    const ids = Array.from({ length: 400 }, (_, i) => `${'\u0000'.repeat(490)}${i}`);
    new Expansion(memory).choose(ids, true);
    await Promise.resolve();
    memory.write('width', 7);
    await Promise.resolve();
    const next = new ViewMemory('p', keeper);
    expect(next.read('width', asNumber)).toBe(7);
    const kept = [...new Expansion(next).chosenOpen()];
    expect(kept.length).toBeGreaterThan(10);
    expect(kept).toEqual(ids.slice(-kept.length));
  });

  test('can be made to forget, also what was just chosen', async () => {
    const keeper = new Kept();
    const memory = new ViewMemory('p', keeper);
    memory.write('width', 7);
    await Promise.resolve();
    memory.write('height', 8);
    memory.forget();
    await Promise.resolve();
    expect(memory.read('width', asNumber)).toBe(0);
    expect(keeper.length).toBe(0);
  });

  test('is kept of fifty projects', async () => {
    const keeper = new Kept();
    for (let i = 0; i < 60; i += 1) {
      new ViewMemory(`p${i}`, keeper).write('width', i);
      await Promise.resolve();
    }
    expect(keeper.length).toBe(50);
  });
});

describe('a view that comes back', () => {
  test('has the same task selected and the same rows open', async () => {
    const first = show(gridSearch(), { projectId: 'again', layout: 'fill' });
    await first.user.click(first.row('load data').querySelector('.tt-twisty')!);
    await first.user.click(first.row('clean'));
    const titles = first.titles();
    first.unmount();
    const next = show(gridSearch(), { projectId: 'again', layout: 'inline' });
    expect(next.titles()).toEqual(titles);
    expect(next.row('clean').getAttribute('aria-selected')).toBe('true');
    expect(next.getByRole('region', { name: 'Details of clean' })).toBeTruthy();
  });

  test('selects nothing in another run, and nothing that is gone', async () => {
    const first = show(gridSearch(), { projectId: 'others', missionId: 'run' });
    await first.user.click(first.row('load data'));
    first.unmount();
    const gone = gridSearch().node('load', null);
    expect(show(gone, { projectId: 'others', missionId: 'run' }).queryByRole('region')).toBeNull();
    const other = gridSearch().task('run 2', null, { status: 'running' });
    expect(show(other, { projectId: 'others', missionId: 'run 2' }).queryByRole('region')).toBeNull();
  });
});

/** Its tasks can't be read as long as `fails` says so. */
function failing(story: Story, fails: () => boolean): Story {
  const node = story.tree.node.bind(story.tree);
  vi.spyOn(story.tree, 'node').mockImplementation(id => {
    if (fails()) {
      throw new Error('no such row');
    }
    return node(id);
  });
  return story;
}

describe('a view that fails at what was kept of it', () => {
  test('forgets it on demand, by keyboard, and is there again', async () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    localStorage.setItem('tasktree:view:1:fails', '{"search":"x","part":"table","expanded":[["run",false]]}');
    const story = gridSearch();
    const page = show(
      failing(story, () => localStorage.getItem('tasktree:view:1:fails') !== null),
      {
        projectId: 'fails'
      }
    );
    expect(page.getByRole('alert').textContent).toContain('This tree can’t be shown');
    await page.user.tab();
    expect(document.activeElement?.textContent).toBe('Forget that and try again');
    await page.user.keyboard('{Enter}');
    expect(page.titles()).toContain('load data');
    await page.until(() => expect(document.activeElement).toBe(page.getByRole('searchbox')));
    expect((page.getByRole('searchbox') as HTMLInputElement).value).toBe('');
    expect(memoryOf('fails').read('search', String)).toBe('undefined');
    error.mockRestore();
  });
});
