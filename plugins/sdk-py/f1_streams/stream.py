"""One stream as an extraction returns it. The host judges every value again."""

from wit_world.imports import types

Protection = types.Protection


def hls(id, url, **known):
    """An HLS stream: `id` (the same over extractions of one feed), `url`, and
    where known `label` (the id without it), `language` (BCP 47), `height`,
    `bandwidth` (bits per second), `quality_label`, `headers` (a dict, for every
    request of its media), `headers_for` (a list of `(hosts, headers)`),
    `cookies`, `expires_at` (milliseconds since 1970), `protection`, `rank`
    (higher first), `attributes` (a dict)."""
    return _stream(types.StreamKind.HLS, id, url, **known)


def dash(id, url, **known):
    """An MPEG-DASH stream."""
    return _stream(types.StreamKind.DASH, id, url, **known)


def progressive(id, url, **known):
    """A single resource that a player reads from beginning to end."""
    return _stream(types.StreamKind.PROGRESSIVE, id, url, **known)


def _stream(
    kind,
    id,
    url,
    label=None,
    language=None,
    height=None,
    bandwidth=None,
    quality_label=None,
    headers=None,
    headers_for=(),
    cookies=False,
    expires_at=None,
    protection=Protection.NONE,
    rank=0,
    attributes=None,
):
    quality = (height, bandwidth, quality_label)
    rules = [([], headers or {}), *headers_for]
    rules = [types.HeaderRule(list(hosts), list(each.items())) for hosts, each in rules if each]
    return types.StreamInfo(
        id,
        url,
        kind,
        label or id,
        language,
        types.Quality(*quality) if any(value is not None for value in quality) else None,
        types.RequestProfile(rules, cookies),
        expires_at,
        protection,
        rank,
        list((attributes or {}).items()),
    )
