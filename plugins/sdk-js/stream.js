// One stream as an extraction returns it. The host judges every value again.

/**
 * An HLS stream: `id` (the same over extractions of one feed) and `url`, and
 * where known `label` (the id without it), `language` (BCP 47), `height`,
 * `bandwidth` (bits per second), `qualityLabel`, `headers` (an object, for every
 * request of its media), `headersFor` (a list of `{ hosts, headers }`),
 * `cookies`, `expiresAt` (milliseconds since 1970), `protection` ("none",
 * "clear-key", "drm", "unknown"), `rank` (higher first), `attributes` (an object).
 */
export const hls = (known) => stream('hls', known);

/** An MPEG-DASH stream. */
export const dash = (known) => stream('dash', known);

/** A single resource that a player reads from beginning to end. */
export const progressive = (known) => stream('progressive', known);

function stream(kind, known) {
  const { id, url, label = id, language, height, bandwidth, qualityLabel } = known;
  const { headers = {}, headersFor = [], cookies = false, expiresAt } = known;
  const { protection = 'none', rank = 0, attributes = {} } = known;
  const rules = [{ hosts: [], headers }, ...headersFor];
  const quality = { height, bandwidth, label: qualityLabel };
  return {
    id,
    url,
    kind,
    label,
    language,
    quality: Object.values(quality).some((value) => value !== undefined) ? quality : undefined,
    request: {
      headerRules: rules
        .map((rule) => ({ hosts: rule.hosts, headers: Object.entries(rule.headers) }))
        .filter((rule) => rule.headers.length > 0),
      useCookies: cookies,
    },
    expiresAt: expiresAt === undefined ? undefined : BigInt(Math.trunc(Number(expiresAt))),
    protection,
    rank,
    attributes: Object.entries(attributes),
  };
}
