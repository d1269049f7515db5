// A view of a project, without a page.
import { hubAt, socketUrlOf } from 'tasktree-jupyter/core';
import { WebSocket } from 'ws';
import { obey, say } from './lines.mjs';

obey({
  follow({ baseUrl, token, project, ...options }) {
    const headers = { Authorization: `token ${token}` };
    const openSocket = (address, protocols) => new WebSocket(address, protocols, { headers });
    const hub = hubAt(socketUrlOf(baseUrl), { ...options, environment: { openSocket } });
    hub.watchProjects();
    const follow = hub.follow(project);
    let told = '';
    const tell = () => {
      const { status, epoch, tree } = follow;
      const seen = { status, epoch, offset: tree?.offset ?? null, counts: tree?.node('n')?.log?.counts ?? null };
      if (JSON.stringify(seen) !== told) {
        told = JSON.stringify(seen);
        say({ seen });
      }
    };
    follow.subscribe(tell);
    tell();
  }
});
