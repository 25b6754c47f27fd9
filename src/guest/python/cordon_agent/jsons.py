"""JSON by the C functions behind Python's own `json`, whose import (of `re` above all) costs a third of a cold start."""

try:
    from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner
except ImportError:  # Another Python than CPython.
    make_scanner = None

SPACE = " \t\n\r"
# What a text that is no JSON raises, here and below.
NOT_JSON = (ValueError, StopIteration, TypeError, RecursionError)


class _Settings:
    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    # NaN and Infinity are none of JSON's: to call this is a TypeError.
    parse_constant = None
    memo = {}


def _refuse(value):
    raise TypeError(f"an object of the type {type(value).__name__} is not JSON serializable")


if make_scanner is not None:
    _scan = make_scanner(_Settings)

    def loads(text):
        """Raises one of NOT_JSON."""
        at = _skip(text, 0)
        value, end = _scan(text, at)
        if _skip(text, end) != len(text):
            raise ValueError("more than one value")
        return value

    def dumps(value):
        """Raises a ValueError, TypeError or RecursionError for what JSON can't hold."""
        return _text(value, encode_basestring)

    def dumps_ascii(value):
        return _text(value, encode_basestring_ascii)

    def _text(value, of_string):
        # Of a lone string, and before Python 3.10 of a lone number, the encoder makes nothing by itself.
        if type(value) is str:
            return of_string(value)
        return "".join(make_encoder({}, _refuse, of_string, None, ":", ",", False, False, False)(value, 0))

    def _skip(text, at):
        while at < len(text) and text[at] in SPACE:
            at += 1
        return at

else:
    import json

    def loads(text):
        return json.loads(text, parse_constant=_refuse)

    def dumps(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_refuse)

    def dumps_ascii(value):
        return json.dumps(value, separators=(",", ":"), allow_nan=False, default=_refuse)
