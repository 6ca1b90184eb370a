// Addresses of what apps subscribe to. Pure.

/** As `/schedule.ics?sessions=` names them. */
export const KINDS = [
  ['race', 'Race'],
  ['quali', 'Qualifying'],
  ['sprint', 'Sprint'],
  ['sq', 'Sprint Qualifying'],
  ['fp', 'Practice'],
  ['test', 'Testing'],
] as const;

export type FeedKind = (typeof KINDS)[number][0];

/**
 * The address of a feed beside the page at `page`. Where a viewer needs a token it has
 * the place of one in it: the page never knows it.
 */
export function feed(
  name: string,
  page: string,
  personal: boolean,
  kinds: readonly FeedKind[] = [],
  alarm = '0',
): string {
  const query = new URLSearchParams();
  if (kinds.length > 0 && kinds.length < KINDS.length) query.set('sessions', kinds.join(','));
  if (alarm !== '0') query.set('alarm', alarm);
  const url = new URL(personal ? `t/TOKEN/${name}` : name, page);
  // Commas are as they are in a query, and people read this.
  url.search = query.toString().replaceAll('%2C', ',');
  return url.href;
}

/** What a phone opens in its calendar. */
export function webcal(address: string): string {
  return address.replace(/^https?:/, 'webcal:');
}
