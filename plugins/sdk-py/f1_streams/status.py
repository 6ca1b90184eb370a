"""What a status means for the host's policy: the same table as the Rust SDK's."""

from .error import Reason, blocked, layout_changed, network, not_found, rate_limited

# Looked for only where a bot check is plausible: ordinary pages mention captchas too.
CHALLENGE_WORDS = (
    b"captcha",
    b"challenge-platform",
    b"cf-chl",
    b"ddos-guard",
    b"just a moment",
    b"checking your browser",
    b"verify you are human",
    b"are you a robot",
)

# A check says what it is near its beginning.
CHALLENGE_WINDOW = 64 * 1024


def judge(response):
    """The response, where there is something to work with; otherwise raises the case."""
    status = response.status
    if header(response, "cf-mitigated") == "challenge":
        raise blocked(Reason.CHALLENGE)
    # 3xx comes only to a plugin that asked for redirects itself.
    if 200 <= status < 400:
        return response
    if status in (403, 429, 503) and _is_challenge(response):
        raise blocked(Reason.CHALLENGE)
    if status in (401, 407):
        raise blocked(Reason.LOGIN_REQUIRED)
    if status == 403:
        raise blocked(Reason.FORBIDDEN)
    if status in (404, 410):
        raise not_found()
    if status == 451:
        raise blocked(Reason.GEO)
    wait = _retry_after(response)
    if status == 429 or (status == 503 and wait is not None):
        raise rate_limited(wait)
    if status in (408, 425) or status >= 500:
        raise network(f"the site answered {status}")
    # The site no longer understands what the plugin asks.
    raise layout_changed(f"status {status}")


def header(response, name):
    return next((value for found, value in response.headers if found == name), None)


def _retry_after(response):
    """Seconds only: a date would need trust in the site's clock."""
    text = (header(response, "retry-after") or "").strip()
    # Ten digits are more than any wait; Python's numbers have no end.
    if not (text.isascii() and text.isdigit()):
        return None
    return min(int(text[:10]) * 1000, 2**32 - 1)


def _is_challenge(response):
    window = response.body[:CHALLENGE_WINDOW].lower()
    return any(word in window for word in CHALLENGE_WORDS)
