"""What needs no host. The rest runs in the cases of plugins."""

from dataclasses import dataclass
from types import SimpleNamespace
from unittest import TestCase

from f1_streams import ExtractError, hls, id_of, layout_changed
from f1_streams.shape import MAX_DEPTH, Mismatch, parse, shaped
from f1_streams.status import judge


@dataclass
class Item:
    live: bool


@dataclass
class Shape:
    url: str
    height: int | None
    list: list[Item]


class Shapes(TestCase):
    def test_a_value_in_its_shape_has_what_the_shape_names(self):
        value = {"url": "u", "height": None, "list": [{"live": True, "more": 1}], "more": 1}
        self.assertEqual(shaped(value, Shape), Shape("u", None, [Item(True)]))
        self.assertEqual(shaped({"url": "u", "height": 720, "list": []}, Shape).height, 720)

    def test_the_first_wrong_place_is_named(self):
        for value, place in (
            ([], ""),
            (None, ""),
            ({}, "/url"),
            ({"url": None, "list": []}, "/url"),
            ({"url": "u", "height": "720", "list": []}, "/height"),
            ({"url": "u", "height": True, "list": []}, "/height"),
            ({"url": "u", "list": {}}, "/list"),
            ({"url": "u", "list": [{"live": True}, {"live": 1}]}, "/list/1/live"),
        ):
            with self.subTest(value=value), self.assertRaises(Mismatch) as raised:
                shaped(value, Shape)
            self.assertEqual(str(raised.exception), place)

    def test_json_is_read_as_deep_as_the_stack_allows(self):
        deep = MAX_DEPTH - 1
        parse("[" * deep + "]" * deep)
        self.assertEqual(parse('{"a": ["]}[\\"{", 1]}'), {"a": ['"'.join(("]}[", "{")), 1]})
        for text in ("[" * 1_000_000, "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "[}", '"', ""):
            with self.subTest(text=text[:9]), self.assertRaises(ValueError):
                parse(text)


class Statuses(TestCase):
    def judged(self, status, headers=(), body=b""):
        try:
            judge(SimpleNamespace(status=status, headers=headers, body=body))
        except ExtractError as error:
            name = type(error.case).__name__.removeprefix("ExtractError_")
            value = getattr(error.case, "value", None)
            return name if value is None else f"{name} {getattr(value, 'name', value)}"
        return None

    def test_each_status_has_its_case(self):
        for status, expected in (
            (200, None),
            (302, None),
            (401, "Blocked LOGIN_REQUIRED"),
            (403, "Blocked FORBIDDEN"),
            (404, "NotFound"),
            (405, "LayoutChanged status 405"),
            (410, "NotFound"),
            (429, "RateLimited"),
            (451, "Blocked GEO"),
            (500, "Network the site answered 500"),
            (503, "Network the site answered 503"),
        ):
            self.assertEqual(self.judged(status), expected)

    def test_waits_and_bot_checks(self):
        wait = lambda status, value: self.judged(status, [("retry-after", value)])
        self.assertEqual(wait(503, " 2 "), "RateLimited 2000")
        self.assertEqual(wait(429, "-1"), "RateLimited")
        self.assertEqual(wait(429, "9" * 10_000), "RateLimited 4294967295")
        self.assertEqual(self.judged(403, body=b"<title>Just a Moment..."), "Blocked CHALLENGE")
        self.assertIsNone(self.judged(200, body=b"a captcha"))
        check = [("cf-mitigated", "challenge")]
        self.assertEqual(self.judged(200, check), "Blocked CHALLENGE")


class Streams(TestCase):
    def test_ids_are_those_of_the_rust_sdk(self):
        for text, expected in (
            ("main_1", "main_1"),
            ("live.example:8080", "live-example-8080"),
            ("  Sky – F1 (HD)!", "Sky-F1-HD"),
            ("--a--", "a"),
            ("x" * 100, "x" * 64),
            ("", "scbf29ce484222325"),
            ("Матч", "s4424694849cf5c16"),
        ):
            self.assertEqual(id_of(text), expected)

    def test_what_is_unknown_stays_absent(self):
        info = hls("main", "u")
        known = (info.label, info.quality, info.request.header_rules)
        self.assertEqual(known, ("main", None, []))
        info = hls("main", "u", height=720, headers={"Referer": "r"})
        self.assertEqual(info.quality.height, 720)
        self.assertEqual(info.request.header_rules[0].headers, [("Referer", "r")])

    def test_a_message_is_cut(self):
        self.assertEqual(layout_changed("é" * 5000).case.value, "é" * 200 + "…")
