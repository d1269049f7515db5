/** The view as an anywidget: where no server can be followed, and inside other widgets. */
import type { Render } from '@anywidget/types';
import { createRoot } from 'react-dom/client';
import agents from '../../style/agents.css';
import badges from '../../style/badges.css';
import cells from '../../style/cells.css';
import contrast from '../../style/contrast.css';
import details from '../../style/details.css';
import log from '../../style/log.css';
import measured from '../../style/measured.css';
import panel from '../../style/panel.css';
import table from '../../style/table.css';
import tree from '../../style/tree.css';
import trouble from '../../style/trouble.css';
import base from '../../style/view.css';
import { ErrorBoundary, TreeView, WordsContext } from '../view/index.js';
import { KernelFeed } from './kernel-feed.js';
import { wordsFor } from './language.js';

/** As `style/index.css` has them, but for what is JupyterLab's own. */
const STYLES = [base, badges, tree, cells, table, details, trouble, log, measured, agents, panel, contrast];

const render: Render<{ bundle: unknown }> = ({ model, el }) => {
  // In the widget's own root: it may stand in a shadow tree, where the page's styles don't reach.
  const style = document.createElement('style');
  style.textContent = STYLES.join('\n');
  const mount = document.createElement('div');
  el.replaceChildren(style, mount);

  const feed = new KernelFeed(model);
  const root = createRoot(mount);
  const { bundle, storedTree } = feed;
  root.render(
    <WordsContext.Provider value={wordsFor(document.documentElement.lang || navigator.language)}>
      <ErrorBoundary>
        <TreeView
          projectId={null}
          stored={
            storedTree && { tree: storedTree, title: bundle?.title ?? null, epoch: bundle?.epoch ?? null }
          }
          follow={feed}
          hub={null}
          missionId={bundle?.mission_id ?? null}
          followNewest={bundle?.follow ?? false}
          layout="inline"
          source="kernel"
        />
      </ErrorBoundary>
    </WordsContext.Provider>
  );
  return () => {
    root.unmount();
    feed.close();
  };
};

export default { render };
