// The status grid above a view: with names, a keyboard, and out of the way when it isn't wanted.
import { act, within } from '@testing-library/react';
import { afterEach, describe, expect, test } from 'vitest';
import { show } from './page.js';
import { gridSearch } from './story.js';

afterEach(() => localStorage.clear());

type Page = ReturnType<typeof show>;

const grid = (page: Page) => page.getByRole('listbox', { name: /Status of/ });
const current = (page: Page) => within(grid(page)).getByRole('option');

describe('the status grid', () => {
  test('is there where there are many tasks, those to come counted, and not where there are few', () => {
    expect(show(gridSearch(40)).queryByRole('listbox')).toBeNull();
    const page = show(gridSearch(80));
    expect(grid(page).getAttribute('aria-label')).toBe('Status of 119 tasks');
  });

  test('goes by keyboard from task to task and says which it is', async () => {
    const page = show(gridSearch(200));
    act(() => grid(page).focus());
    expect(current(page).getAttribute('aria-label')).toMatch(/^read, completed/);
    await page.user.keyboard('{ArrowRight}');
    expect(current(page).getAttribute('aria-label')).toMatch(/^clean, completed/);
    expect(grid(page).getAttribute('aria-activedescendant')).toBe(current(page).id);
    await page.user.keyboard('n');
    expect(current(page).getAttribute('aria-label')).toBe(
      'fit 186, failed, ValueError: Input X contains NaN.'
    );
    await page.user.keyboard('n');
    expect(current(page).getAttribute('aria-label')).toMatch(/^fit 194, failed/);
    await page.user.keyboard('{Shift>}N{/Shift}');
    expect(current(page).getAttribute('aria-label')).toMatch(/^fit 186, failed/);
    await page.user.keyboard('{End}');
    expect(current(page).getAttribute('aria-label')).toMatch(/^report, draft/);
    await page.user.keyboard('{Home}');
    expect(current(page).getAttribute('aria-posinset')).toBe('1');
  });

  test('Enter and a press on the failures lead to the task', async () => {
    const page = show(gridSearch(200));
    await page.user.click(page.getByRole('button', { name: 'Go to the next failure' }));
    expect(document.activeElement).toBe(grid(page));
    await page.user.keyboard('{Enter}');
    expect(page.getByRole('region', { name: 'Details of fit 186' })).toBeTruthy();
    expect(page.row('fit 186').getAttribute('aria-selected')).toBe('true');
  });

  test('stays on its task when others come before it', async () => {
    const story = gridSearch(200);
    const page = show(story);
    act(() => grid(page).focus());
    await page.user.keyboard('n');
    story.task('load/3', 'load', { title: 'split', status: 'completed' });
    act(() => page.follow.set({}));
    await page.until(() => expect(current(page).getAttribute('aria-posinset')).toBe('190'));
    expect(current(page).getAttribute('aria-label')).toMatch(/^fit 186, failed/);
  });

  test('is put away, and stays away in the next view of the project', async () => {
    const page = show(gridSearch(200), { projectId: 'away' });
    await page.user.click(page.getByRole('button', { name: 'Hide the status grid' }));
    expect(page.queryByRole('listbox')).toBeNull();
    page.unmount();
    const next = show(gridSearch(200), { projectId: 'away' });
    expect(next.queryByRole('listbox')).toBeNull();
    await next.user.click(next.getByRole('button', { name: 'Show the status grid' }));
    expect(grid(next)).toBeTruthy();
  });

  test('keeps its keys from the notebook around it, and leaves it the others', async () => {
    const page = show(gridSearch(200));
    const heard: string[] = [];
    const listen = (event: KeyboardEvent) => heard.push(event.key);
    document.addEventListener('keydown', listen);
    act(() => grid(page).focus());
    await page.user.keyboard('{ArrowDown}n{Enter}b');
    document.removeEventListener('keydown', listen);
    expect(heard).toEqual(['b']);
  });
});
