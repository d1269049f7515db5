import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';
import { argumentsOf, CommandIDs, PANEL_ID } from './commands.js';
import { deleteProject } from './delete-project.js';
import { hubOf } from './hub.js';
import { projectTitle } from './panel-model.js';
import { placeOf } from './place.js';
import { wordsOf, type Words } from './words.js';

/** What can be done about a project as a whole. */
export const projectPlugin: JupyterFrontEndPlugin<void> = {
  id: 'tasktree-jupyter:project',
  description: 'Deletes projects.',
  autoStart: true,
  optional: [ICommandPalette, ITranslator],
  activate: (app: JupyterFrontEnd, palette: ICommandPalette | null, translator: ITranslator | null) => {
    const trans = wordsOf(translator);
    const settings = app.serviceManager.serverSettings;
    app.commands.addCommand(CommandIDs.deleteProject, {
      label: trans.__('Delete Project…'),
      caption: trans.__('Delete a project’s tree and log from the server, after asking'),
      describedBy: { args: argumentsOf(trans, 'project_id', 'pointed') },
      isEnabled: args => placeOf(args, app, PANEL_ID) !== null,
      execute: async args => {
        const place = placeOf(args, app, PANEL_ID);
        if (!place) {
          return;
        }
        const title = titleOf(app, place.projectId);
        if (!(await isSure(title, trans))) {
          return;
        }
        try {
          await deleteProject(settings, place.projectId, trans);
        } catch (error) {
          await showErrorMessage(trans.__('“%1” wasn’t deleted', title), error as Error);
        }
      }
    });
    palette?.addItem({ command: CommandIDs.deleteProject, category: trans.__('Task Trees') });
  }
};

function titleOf(app: JupyterFrontEnd, projectId: string): string {
  const list = hubOf(app.serviceManager.serverSettings).watchProjects();
  const info = list.projects.find(each => each.project_id === projectId);
  list.close();
  return info ? projectTitle(info) : projectId;
}

async function isSure(title: string, trans: Words): Promise<boolean> {
  const { button } = await showDialog({
    title: trans.__('Delete the project “%1”?', title),
    body: trans.__(
      'Its runs, their trees and all events are removed from this server, for good. Notebooks keep the trees that are stored in them.'
    ),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Delete') })
    ],
    // Enter alone deletes nothing.
    defaultButton: 0
  });
  return button.accept;
}
