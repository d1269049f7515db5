/** Which project, run and task a command is about. */
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

export interface Place {
  projectId: string;
  missionId: string | null;
  nodeId: string | null;
}

/** What of an application knows where somebody pointed and what is in front. */
export interface Pointing {
  contextMenuHitTest(fn: (node: HTMLElement) => boolean): HTMLElement | undefined;
  shell: { currentWidget: { node: HTMLElement } | null };
}

/** What an element of ours stands for, or is part of. */
export function placeAt(element: Element | null | undefined): Place | null {
  const of = (name: string) => {
    const holder = element?.closest<HTMLElement>(`[data-${name}-id]`);
    return holder?.getAttribute(`data-${name}-id`) ?? null;
  };
  const projectId = of('project');
  return projectId === null ? null : { projectId, missionId: of('mission'), nodeId: of('node') };
}

/**
 * What the arguments name, else what the context menu was opened on (`pointed`), else where the keyboard is, else the tab in front, else what the
 * panel shows. Null where that is nothing.
 */
export function placeOf(args: ReadonlyPartialJSONObject, app: Pointing, panelId: string): Place | null {
  const text = (name: string) => {
    const value = args[name];
    return typeof value === 'string' ? value : null;
  };
  const projectId = text('project_id');
  if (projectId !== null) {
    return { projectId, missionId: text('mission_id'), nodeId: text('node_id') };
  }
  if (args.pointed === true) {
    return placeAt(app.contextMenuHitTest(node => node.closest('[data-project-id]') !== null));
  }
  const inside = (node: Element | null | undefined) => node?.querySelector('[data-project-id].tt-view');
  const front = app.shell.currentWidget?.node;
  return (
    placeAt(document.activeElement) ??
    placeAt(front?.matches('.jp-TaskTreeTab') ? inside(front) : null) ??
    placeAt(inside(document.getElementById(panelId)))
  );
}
