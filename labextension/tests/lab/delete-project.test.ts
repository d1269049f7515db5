import './dom.js';
import { ServerConnection } from '@jupyterlab/services';
import { describe, expect, test } from 'vitest';
import { deleteProject } from '../../src/lab/delete-project.js';
import { wordsOf } from '../../src/lab/words.js';

function serverThatAnswers(status: number, body: string | null = null) {
  const asked: string[] = [];
  const settings = ServerConnection.makeSettings({
    baseUrl: 'http://here/user/ada/',
    fetch: (request: RequestInfo | URL) => {
      const { method, url } = request as Request;
      asked.push(`${method} ${url}`);
      return Promise.resolve(new Response(body, { status }));
    }
  });
  return { asked, remove: (id: string) => deleteProject(settings, id, wordsOf(null)) };
}

describe('deleting a project', () => {
  test('asks the server for it by its id, whatever that holds', async () => {
    const { asked, remove } = serverThatAnswers(204);
    await remove('a/b c?');
    expect(asked).toEqual([
      expect.stringMatching(/^DELETE http:\/\/here\/user\/ada\/tasktree\/api\/projects\/a%2Fb%20c%3F/)
    ]);
  });

  test('is done where somebody else was first', async () => {
    await expect(serverThatAnswers(404).remove('p')).resolves.toBeUndefined();
  });

  test('says why it isn’t done', async () => {
    const refusal = JSON.stringify({ message: 'You may not delete TaskTree’s projects' });
    await expect(serverThatAnswers(403, refusal).remove('p')).rejects.toThrow('You may not delete');
    await expect(serverThatAnswers(405, 'no').remove('p')).rejects.toThrow('too old');
  });
});
