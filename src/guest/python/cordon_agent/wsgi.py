"""WSGI (PEP 3333): an application as a handler, its input and its answer streamed."""

import sys

from .errors import bad_response
from .headers import kind_of
from .waiting import wait
from .web_request import WebRequest


class WsgiHandler:
    is_async = False

    def __init__(self, application, function_name):
        self._application = application
        self._function_name = function_name

    def run(self, call, response, _loop):
        answer = _Answer(response)
        chunks = self._application(environ_of(call, self._function_name), answer.start_response)
        try:
            answer.is_list = isinstance(chunks, (list, tuple))
            for chunk in chunks:
                answer.write(chunk)
            if not answer.is_held:
                answer.finish()
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        # A response that is sent whole ends the invocation, to which what closing does still belongs.
        if answer.is_held:
            answer.finish()


class _Answer:
    """Held until its first byte, since until then an application may say that it is another; or to its end, if that is near."""

    def __init__(self, response):
        self._response = response
        self._head = None
        self._length = None
        self._parts = []
        self.is_held = True
        # All of it is there.
        self.is_list = False

    def start_response(self, status, headers, exc_info=None):
        if exc_info is not None and not self.is_held:
            raise exc_info[1].with_traceback(exc_info[2])
        if exc_info is None and self._head is not None:
            raise AssertionError("start_response() was called twice")
        self._head = (status_of(status), [tuple(pair) for pair in headers])
        self._length = next((value for name, value in headers if name.lower() == "content-length"), None)
        return self.write

    def write(self, chunk):
        if not isinstance(chunk, (bytes, bytearray, memoryview)):
            raise bad_response(f"The application's body gave {kind_of(chunk)}, not bytes")
        if len(chunk) == 0:
            return
        if not self.is_held:
            return wait(self._response.write(chunk))
        if self.is_list or (not self._parts and self._length == str(len(chunk))):
            return self._parts.append(chunk)
        self._response.start(*self._require_head())
        self.is_held = False
        for part in (*self._parts, chunk):
            wait(self._response.write(part))

    def finish(self):
        if self.is_held:
            self.is_held = False
            wait(self._response.whole(*self._require_head(), b"".join(self._parts)))
        else:
            wait(self._response.finish())

    def _require_head(self):
        if self._head is None:
            raise bad_response("The application did not call start_response()")
        return self._head


def status_of(text):
    number = text[:3] if type(text) is str else ""
    if not (number.isdigit() and 200 <= int(number) <= 599):
        raise bad_response(f"The application answered with the status {text!r:.40}, which is not from 200 to 599")
    return int(number)


def environ_of(call, function_name):
    request = WebRequest(call, function_name)
    environ = {
        "REQUEST_METHOD": call.method,
        "SCRIPT_NAME": request.mount,
        "PATH_INFO": request.path_bytes.decode("latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_NAME": request.host,
        "SERVER_PORT": str(request.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": call.client_address,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": Input(call),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "cordon.context": call.context,
    }
    for at in range(0, len(call.headers), 2):
        _add_header(environ, call.headers[at], call.headers[at + 1])
    return environ


def _add_header(environ, name, value):
    # `a_b` and `a-b` would be the same key: whoever checks the one must not be given the other.
    if "_" in name:
        return
    key = name.upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = f"HTTP_{key}"
    if key in environ:
        value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
    environ[key] = value


class Input:
    """`wsgi.input`: the request's body as it comes."""

    def __init__(self, call):
        self._call = call
        self._buffer = b""
        self._ended = False

    def read(self, size=-1):
        parts = []
        left = size if size is not None and size >= 0 else None
        while left is None or left > 0:
            if not self._buffer and not self._fill():
                break
            part = self._buffer if left is None else self._buffer[:left]
            self._buffer = self._buffer[len(part) :]
            parts.append(part)
            left = None if left is None else left - len(part)
        return b"".join(parts)

    def readline(self, size=-1):
        limit = size if size is not None and size >= 0 else None
        parts = []
        count = 0
        while limit is None or count < limit:
            if not self._buffer and not self._fill():
                break
            end = self._buffer.find(b"\n") + 1 or len(self._buffer)
            part = self._buffer[: end if limit is None else min(end, limit - count)]
            self._buffer = self._buffer[len(part) :]
            parts.append(part)
            count += len(part)
            if part.endswith(b"\n"):
                break
        return b"".join(parts)

    def readlines(self, _hint=-1):
        return list(self)

    def __iter__(self):
        return iter(self.readline, b"")

    def _fill(self):
        if not self._ended:
            self._buffer = wait(self._call.next_chunk())
            self._ended = not self._buffer
        return not self._ended
