"""Requests to the site. All of them go through the host, which owns the
allow-list, the address guard, the cookie jar and the budgets."""

import json as _json
from urllib.parse import urljoin, urlsplit

from componentize_py_types import Err, Ok
from wit_world.imports import http
from wit_world.imports.types import ExtractError_NotFound

from .error import ExtractError, bad_config, layout_changed, network, other
from .shape import Mismatch, parse, shaped
from .status import header, judge

# As in the Rust SDK: two or three hops are usual, and each counts.
REDIRECTS = 8


def get(url, **options):
    """GET. Only an answer to work with is returned; every other status, and
    trouble on the way, is raised as the case that fits.

    Options: `headers` (a dict), `redirects` (how many; 0 returns the 3xx),
    `cookies` (False neither sends nor keeps them), `timeout` (milliseconds),
    `max_body` (bytes; a longer one fails).
    """
    return _send(_request(http.Method.GET, url, **options))


def post(url, **options):
    """POST, with a body of one kind: `form` (a dict), `json` (a value), `text`."""
    return _send(_request(http.Method.POST, url, **options))


def get_all(urls, **options):
    """Several GETs at once, answered in order: a function for each that returns
    its response or raises, so that one that failed does not lose the others."""
    answers = http.send_all([_request(http.Method.GET, url, **options) for url in urls])
    return [lambda answer=answer: _answered(answer) for answer in answers]


def always_there(answer, place):
    """What `answer()` returns, of an address that every server of its kind has:
    where it is not found, this is another server, or another version of it."""
    try:
        return answer()
    except ExtractError as error:
        if isinstance(error.case, ExtractError_NotFound):
            raise layout_changed(f"{place} is not there") from None
        raise


class Response:
    """The site's answer. `url` is the address after redirects."""

    def __init__(self, raw):
        self._raw = raw
        self.status = raw.status
        self.url = raw.final_url
        self.body = raw.body

    def header(self, name):
        """The first header of that name."""
        return header(self._raw, name.lower())

    def text(self):
        """The body as UTF-8; what is not becomes U+FFFD."""
        return self.body.decode("utf-8", "replace")

    def json(self, shape):
        """The body's JSON in this shape (see shape.py); `layout-changed` names what is not."""
        # Without the query, which can hold a token: messages are shown.
        name = f"JSON of {urlsplit(self.url).path}"
        try:
            return shaped(parse(self.text()), shape)
        except Mismatch as mismatch:
            raise layout_changed(mismatch.within(name)) from None
        except ValueError:
            raise layout_changed(name) from None

    def join(self, link):
        """A link in the body, made absolute as a browser does."""
        try:
            return urljoin(self.url, link)
        except ValueError:
            raise layout_changed(f"URL: {link}") from None


def _request(
    method,
    url,
    headers=None,
    redirects=REDIRECTS,
    cookies=True,
    timeout=None,
    max_body=None,
    form=None,
    json=None,
    text=None,
):
    headers = list((headers or {}).items())
    body = http.Body_Empty()
    if form is not None:
        body = http.Body_Form([(name, str(value)) for name, value in form.items()])
    elif json is not None:
        headers.append(("content-type", "application/json"))
        body = http.Body_Text(_json.dumps(json))
    elif text is not None:
        body = http.Body_Text(text)
    follow = http.Redirects_Follow(redirects) if redirects else http.Redirects_Manual()
    return http.Request(method, url, headers, body, follow, timeout, max_body, cookies)


def _send(request):
    try:
        return _answered(Ok(http.send(request)))
    except Err as error:
        return _answered(error)


def _answered(answer):
    if isinstance(answer, Err):
        raise _failure(answer.value)
    return Response(judge(answer.value))


def _failure(error):
    match error:
        # Only the operator can grant a host.
        case http.Error_Denied(why):
            return bad_config(f"the host refused the request: {why}")
        case http.Error_InvalidRequest(why):
            return other(f"invalid request: {why}")
        case http.Error_BudgetExhausted():
            return other("the call's request budget is used up")
        case http.Error_BodyTooLarge(limit):
            return other(f"body is larger than {limit} bytes")
        case http.Error_Dns():
            return network("name does not resolve")
        case http.Error_Connect():
            return network("connection failed")
        case http.Error_Tls(why):
            return network(f"TLS: {why}")
        case http.Error_Timeout():
            return network("timed out")
        case http.Error_TooManyRedirects():
            return network("too many redirects")
        case http.Error_Protocol(why):
            return network(f"protocol: {why}")
