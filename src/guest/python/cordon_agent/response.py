"""Response: what answers one call, whole or piece by piece, in the form that its caller asked for."""

from .errors import Fault, bad_response
from .frames import CHUNK_BYTES
from .headers import has, headers_json
from .jsons import dumps

NO_BODY = frozenset((204, 205, 304))


def response_to(call, most_bytes, on_end):
    """`on_end`: called before the last frame, while lines of the log still belong to the call."""
    return (Envelope if call.reply == "value" else Response)(call, most_bytes, on_end)


class Response:
    """Of HTTP."""

    def __init__(self, call, most_bytes, on_end):
        self.call = call
        self.most_bytes = most_bytes
        self._on_end = on_end
        self._has_body = True

    def whole(self, status, pairs, body):
        """Steps: a status, pairs of names and values, and bytes."""
        if status in NO_BODY:
            body = b""
        if len(body) > self.most_bytes:
            message = f"The response body has {len(body)} bytes, more than {self.most_bytes}; stream it instead"
            raise Fault("RESPONSE_TOO_LARGE", message)
        if len(body) <= CHUNK_BYTES:
            headers = headers_json(pairs)
            self._on_end()
            return self.call.send_reply(status, headers, body, not self.call.pending)
        if not has(pairs, "content-length"):
            pairs = [*pairs, ("content-length", str(len(body)))]
        self.start(status, pairs)
        yield from self.write(body)
        yield from self.finish()

    def start(self, status, pairs):
        headers = headers_json(pairs)
        self._has_body = status not in NO_BODY
        self.call.send_head(status, headers)

    def write(self, data):
        """Steps."""
        if self._has_body and len(data) > 0:
            yield from self.call.writer.write(data)

    def finish(self):
        """Steps."""
        self._on_end()
        self.call.writer.end()
        yield from ()


class Envelope(Response):
    """The JSON of `{ statusCode, headers, body }`, for who asked by another way than HTTP."""

    def __init__(self, call, most_bytes, on_end):
        super().__init__(call, most_bytes, on_end)
        self._head = (200, {})
        self._parts = []
        self._bytes = 0

    def whole(self, status, pairs, body):
        self.start(status, pairs)
        yield from self.write(body)
        yield from self.finish()

    def start(self, status, pairs):
        headers = {}
        for name, value in pairs:
            headers[name] = [*_list(headers[name]), value] if name in headers else value
        self._head = (status, headers)

    def write(self, data):
        self._bytes += len(data)
        if self._bytes > self.most_bytes:
            raise Fault("RESPONSE_TOO_LARGE", f"The response body is larger than {self.most_bytes} bytes")
        self._parts.append(bytes(data))
        yield from ()

    def finish(self):
        text, is_base64 = text_of_bytes(b"".join(self._parts))
        yield from self.value(*self._head, text, is_base64)

    def value(self, status, headers, body, is_base64=False):
        """Steps: a body that is any value which JSON can hold."""
        value = {"statusCode": status, "headers": headers, "body": body}
        if is_base64:
            value["isBase64Encoded"] = True
        yield from Response.whole(self, 200, (), json_bytes(value))


def text_of_bytes(data):
    """Text, or the base64 of bytes that are none; and which of the two it is."""
    try:
        return data.decode("utf-8"), False
    except UnicodeDecodeError:
        from binascii import b2a_base64

        return b2a_base64(data, newline=False).decode("ascii"), True


def json_bytes(value):
    """Raises a Fault that says why it has none."""
    try:
        return utf8(dumps(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise bad_response(f"The handler returned a value that JSON cannot hold: {str(error)[:500]}") from None


def utf8(text):
    """As JavaScript does it: half of a surrogate pair is no character."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _list(value):
    return value if type(value) is list else [value]
