// The streams as the host last listed them.

import { getStreams } from '../api/client';
import { Resource } from '../resource.svelte';

export const streams = new Resource(getStreams, { intervalMs: 10_000 });
