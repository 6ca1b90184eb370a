// What the site shows, and where its stream is found.

import { get, hls, notFound, plugin, site } from '../sdk-js/extractor.js';

const SETTINGS = { page: 'string' };
const LIVE = { live: 'boolean', title: 'string', url: 'string' };

export const { metadata, extraction } = plugin({
  name: 'template',
  hosts: ['*'],
  extract() {
    const { settings, url } = site(SETTINGS);
    const answer = get(url(settings.page));
    const page = answer.json(LIVE);
    if (!page.live) throw notFound();
    return [hls({ id: 'main', url: answer.join(page.url), label: page.title })];
  },
});
