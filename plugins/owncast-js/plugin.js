// Owncast servers: `GET /api/status` says whether a stream is on, `GET
// /api/config` what the server calls itself; the stream itself is always at
// `/hls/stream.m3u8`. The same plugin as `plugins/owncast`, in JavaScript.

import {
  alwaysThere,
  getAll,
  hls,
  instances,
  keepGood,
  notFound,
  plugin,
} from '../sdk-js/extractor.js';

const STATUS = '/api/status';
const CONFIG = '/api/config';

export const { metadata, extraction } = plugin({
  name: 'Owncast',
  hosts: ['*'],
  extract() {
    const servers = instances();
    const answers = getAll(servers.flatMap((server) => [server.url(STATUS), server.url(CONFIG)]));
    return keepGood(servers.entries(), ([index, server]) =>
      stream(server, answers[2 * index], answers[2 * index + 1]),
    );
  },
});

function stream(server, status, config) {
  const answer = alwaysThere(status, STATUS);
  const { online, streamTitle } = answer.json({ online: 'boolean', 'streamTitle?': 'any' });
  if (!online) throw notFound();
  let label = server.label(nameIn(config));
  const title = typeof streamTitle === 'string' ? streamTitle.trim() : '';
  if (title !== '') label += `: ${title}`;
  return hls({ id: server.id('live'), url: server.url('/hls/stream.m3u8'), label });
}

// The stream plays without the server's name.
function nameIn(config) {
  try {
    return config().json({ 'name?': 'any' }).name;
  } catch {
    return undefined;
  }
}
