// The season as the host last told it, and the clock that follows the host's.

import { getSchedule } from '../api/client';
import { Resource } from '../resource.svelte';
import { session } from '../session.svelte';
import { clock } from '../time/clock.svelte';
import { clockOffset } from '../time/offset';

export const schedule = new Resource(
  async () => {
    const sentAt = Date.now();
    const answer = await getSchedule();
    clock.offset = clockOffset(answer.server_time, sentAt, Date.now());
    return answer;
  },
  { intervalMs: 60_000 },
);

session.onleave('viewer', () => schedule.forget());
