// The streams as the host last listed them.

import { getStreams } from '../api/client';
import { Resource } from '../resource.svelte';
import { session } from '../session.svelte';

export const streams = new Resource(getStreams, { intervalMs: 10_000 });

session.onleave('viewer', () => streams.forget());
