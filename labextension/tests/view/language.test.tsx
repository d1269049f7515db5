import { render } from '@testing-library/react';
import chinese from 'tasktree-catalogues/zh_CN';
import { describe, expect, test, vi } from 'vitest';
import { ErrorBoundary, TreeView, WordsContext, wordsOf } from '../../src/view/index.js';
import { wordsFor } from '../../src/widget/language.js';
import './page.js';
import { FakeFollow, FakeHub, gridSearch, type Story } from './story.js';

function inChinese(story: Story | null, tell: (follow: FakeFollow, hub: FakeHub) => void = () => undefined) {
  const follow = new FakeFollow();
  const hub = new FakeHub();
  if (story) {
    follow.set({ tree: story.tree, status: 'live', heardAt: Date.now() });
  }
  tell(follow, hub);
  const { container } = render(
    <WordsContext.Provider value={wordsOf(chinese)}>
      <TreeView projectId={null} follow={follow} hub={hub} missionId={null} layout="inline" />
    </WordsContext.Provider>
  );
  return container;
}

/** All that is read: texts, and the attributes that are read out or shown in a tooltip. */
function read(container: Element): string[] {
  const texts = [...container.querySelectorAll('*')].flatMap(element => [
    ...[...element.childNodes]
      .filter(node => node.nodeType === Node.TEXT_NODE)
      .map(node => node.nodeValue ?? ''),
    ...['title', 'aria-label', 'placeholder', 'label'].map(name => element.getAttribute(name) ?? '')
  ]);
  return [...new Set(texts)].filter(text => text.trim() !== '');
}

/** Words of ours. */
const ENGLISH =
  /\b(task|run|running|failed|completed|skipped|ready|draft|more|after|attempt|live|progress|elapsed|done|retry|earlier|the)\b/i;

describe('In Chinese', () => {
  test('no word of ours in the tree is English', () => {
    const said = read(inChinese(gridSearch()));
    expect(said).toEqual(expect.arrayContaining(['实时', '进度', '用时', 'Grid search 的任务']));
    const own = [...gridSearch().tree.nodes()].flatMap(({ title, message, agent, error }) => [
      title,
      message,
      agent,
      error?.message
    ]);
    const isOwn = (text: string) => own.some(each => each !== undefined && text.includes(each));
    expect(said.filter(text => ENGLISH.test(text) && !isOwn(text))).toEqual([]);
  });

  test('what is the matter, and what to do, is told in Chinese, also where the core found it out', () => {
    const message = 'The server could not be reached. Retry when it runs again.';
    const stopped = inChinese(null, (_, hub) =>
      hub.set({ kind: 'stopped', reason: 'max_attempts', message })
    );
    expect(read(stopped)).toEqual(
      expect.arrayContaining(['离线', '无法连接到服务器。请在服务器恢复运行后重试。', '立即重试'])
    );
  });

  test('what the server says in words of its own stays as it is', () => {
    const refused = inChinese(null, follow => follow.set({ status: 'refused', error: 'Ask Ada, 100 %1.' }));
    expect(read(refused)).toEqual(expect.arrayContaining(['无访问权限', 'Ask Ada, 100 %1.']));
  });

  test('a failure of ours is told in Chinese too', () => {
    const Broken = () => {
      throw new Error('no such row');
    };
    const error = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const { container } = render(
      <WordsContext.Provider value={wordsOf(chinese)}>
        <ErrorBoundary>
          <Broken />
        </ErrorBoundary>
      </WordsContext.Provider>
    );
    error.mockRestore();
    expect(read(container)).toContain('无法显示此任务树');
  });
});

test.each([
  ['zh-CN', '实时'],
  ['zh', '实时'],
  ['zh-Hans-SG', '实时'],
  ['zh-TW', 'live'],
  ['zh-Hant', 'live'],
  ['en', 'live'],
  ['zha', 'live'],
  ['', 'live']
])('A widget in a page of %s says %s', (language, word) => {
  expect(wordsFor(language).__('live')).toBe(word);
});
