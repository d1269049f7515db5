/** What nobody should write into a field, and everybody may; as far as the gallery's font has letters for it. */
import { Telling } from './telling.js';

const TEXTS = [
  '<script>window.owned=1</script>',
  '"><img src=x onerror="window.owned=1">',
  'javascript:window.owned=1',
  '</summary></details></div><h1>out</h1><!--',
  '\u001b[31mred\u001b[0m \u001b]0;title\u0007',
  'safe\u202egnp.exe \u2066\u2067\u2068 \u200f',
  'line\nbreak\r\n\ttab\u2028\u2029',
  'half \ud800 and \udfff',
  '__proto__',
  `Z${'\u0301'.repeat(40)}`,
  'W'.repeat(600),
  'שלום עולם مرحبا بالعالم 123',
  `deep ${'and '.repeat(80)}long`
];
const DEEP = 40;

export function hostileRun(): Telling {
  const telling = new Telling();
  telling.node('run', null, { title: TEXTS[0], status: 'running', message: TEXTS[1] }, 30);
  TEXTS.forEach((words, index) => {
    const id = `run/${index}`;
    telling.node(
      id,
      'run',
      {
        title: words,
        kind: words,
        agent: words,
        message: words,
        tags: [words],
        status: index % 3 === 0 ? 'failed' : 'running',
        error: { type: words, message: words, traceback: `${words}\n${words}` },
        params: { [words]: words, list: [words, [words]] },
        metrics: { [words]: 1.5, nan: 'NaN', big: 1e300 },
        links: { [words]: words, named: { title: words, url: words } },
        outputs: [words]
      },
      20
    );
    telling.log(id, 'error', words, 10);
  });
  for (let depth = 0; depth < DEEP; depth += 1) {
    telling.node(`deep/${depth}`, depth === 0 ? 'run' : `deep/${depth - 1}`, { status: 'running' }, 5);
  }
  telling.event('coordination_update', {
    active_agents: 1,
    agents: Object.fromEntries(TEXTS.map(words => [words, { status: words, task: words }]))
  });
  return telling;
}
