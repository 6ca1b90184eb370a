// How far the device's clock is from the host's. Pure.

// Below this the difference may be the network's and the rounding of
// `server_time` to whole seconds; correcting for it would only add jitter.
const TRUSTED_MS = 1_500;

/** Milliseconds to add to the device's clock to get the host's. */
export function clockOffset(serverTime: string, sentAt: number, receivedAt: number): number {
  const server = Date.parse(serverTime);
  if (Number.isNaN(server)) return 0;
  const offset = server - (sentAt + receivedAt) / 2;
  return Math.abs(offset) < TRUSTED_MS ? 0 : Math.round(offset);
}
