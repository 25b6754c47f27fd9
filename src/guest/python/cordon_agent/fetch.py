"""fetch(): a request by way of the host, which decides what is allowed, follows redirects and puts bound secrets in."""

from .asks import STREAMED_BODY, CapabilityError, FetchError
from .jsons import dumps, loads
from .response import utf8
from .services import deliver
from .waiting import wait, awaited

BLOCKED_STATUS = 452


def fetch(call, url, method="GET", headers=None, body=None, json=None, redirect="follow", stream=False):
    """
    Steps: a Response. `headers`: a dict, or pairs. `body`: a str, bytes, or an iterator of bytes; `json`: a value in its
    place. `redirect`: follow, manual, error. With `stream`, the body is read by iterating over the response.
    """
    pairs = [(name, str(value)) for name, value in (headers.items() if hasattr(headers, "items") else headers or ())]
    given, kind = _content(body, json)
    names = {name.lower() for name, _ in pairs}
    if kind is not None and "content-type" not in names:
        pairs.append(("content-type", kind))
    if isinstance(given, bytes) and "content-length" not in names:
        pairs.append(("content-length", str(len(given))))
    head = {
        "method": method.upper(),
        "url": str(url),
        "headers": [part for pair in pairs for part in pair],
        "redirect": redirect,
    }
    is_iterator = given is not None and not isinstance(given, bytes)
    ask = call.ask("fetch", head, STREAMED_BODY if is_iterator else given, error=_error)
    response = None
    try:
        if is_iterator:
            yield from _send(ask, given)
        else:
            yield from ask.send_rest(given)
        response = Response((yield from ask.head()), ask)
        if not stream:
            response.body = yield from ask.answer.read_all()
        return response
    finally:
        if response is None or not stream:
            ask.cancel()


class Response:
    """
    Of a fetch: `status`, `status_text`, `ok`, `url`, `redirected`, `headers` (by names in lower case; several values of
    one are combined), and `body` with `text` and `json()`, or, where it is streamed, the chunks by iteration.
    """

    def __init__(self, head, ask):
        self.status = head["status"]
        self.status_text = head["statusText"]
        self.ok = 200 <= self.status <= 299
        self.url = head["url"]
        self.redirected = head["redirected"]
        self.headers = {}
        self.header_list = list(zip(head["headers"][::2], head["headers"][1::2]))
        for name, value in self.header_list:
            name = name.lower()
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value
        self.body = None
        self._ask = ask

    @property
    def text(self):
        return self._whole().decode("utf-8", "replace")

    def json(self):
        """Raises a ValueError where it is none."""
        try:
            return loads(self.text)
        except (StopIteration, TypeError):
            raise ValueError("the response is no JSON") from None

    def close(self):
        """Of a streamed body: the rest is not wanted."""
        self._ask.cancel()

    def __iter__(self):
        while True:
            chunk = wait(self._ask.answer.next_chunk())
            if not chunk:
                return
            yield chunk

    async def __aiter__(self):
        while True:
            chunk = await awaited(self._ask.answer.next_chunk())
            if not chunk:
                return
            yield chunk

    def _whole(self):
        if self.body is None:
            raise TypeError("the body of this response is streamed: iterate over it")
        return self.body


def fetching(call):
    return lambda url, *args, **options: deliver(fetch(call, url, *args, **options))


def _content(body, json):
    """Bytes, an iterator, or None; and the content type that it has where no header names one."""
    if json is not None:
        return dumps(json).encode("utf-8", "replace"), "application/json"
    if body is None:
        return None, None
    if isinstance(body, str):
        return utf8(body), "text/plain;charset=UTF-8"
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body), None
    if hasattr(body, "__iter__"):
        return body, None
    raise TypeError(f"body must be a str, bytes or an iterator of bytes, not {type(body).__name__}")


def _send(ask, chunks):
    for chunk in chunks:
        try:
            yield from ask.body.write(chunk)
        except CapabilityError:
            return  # The answer says why.
    ask.body.end()


def _error(code, message, details):
    error = FetchError(code, f"fetch failed: {message}", details)
    if code == "EGRESS_BLOCKED":
        error.status = BLOCKED_STATUS
    return error
