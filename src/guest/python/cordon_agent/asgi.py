"""ASGI 3: an application as a handler, its body both ways in messages, with its lifespan."""

from .errors import Fault, bad_response
from .headers import kind_of
from .waiting import awaited
from .web_request import WebRequest

VERSION = {"version": "3.0", "spec_version": "2.3"}
SHUTDOWN_SECONDS = 1
NO_WEBSOCKET = b"There are no WebSockets for Python functions"


class AsgiHandler:
    is_async = True

    def __init__(self, application, function_name):
        self._application = application
        self._function_name = function_name
        self._lifespan = None
        self._state = {}

    async def start(self):
        """Its lifespan begins. Raises a Fault where it says that it can't."""
        self._lifespan = Lifespan(self._application, self._state)
        await self._lifespan.start()

    async def stop(self):
        if self._lifespan is not None:
            await self._lifespan.stop()

    async def run_async(self, call, response):
        if _asks_for_websocket(call.headers):
            pairs = [("content-type", "text/plain;charset=UTF-8")]
            return await awaited(response.whole(501, pairs, NO_WEBSOCKET))
        exchange = _Exchange(call, response)
        await self._application(scope_of(call, self._function_name, self._state), exchange.receive, exchange.send)
        if not exchange.is_complete:
            raise bad_response("The application returned before its response was complete")


class _Exchange:
    def __init__(self, call, response):
        self._call = call
        self._response = response
        self._has_read = False
        self._head = None
        self._is_streaming = False
        self.is_complete = False

    async def receive(self):
        if self._has_read:
            await awaited(self._call.gone())
            return {"type": "http.disconnect"}
        chunk = await awaited(self._call.next_chunk())
        self._has_read = not self._call.is_streamed or not chunk
        return {"type": "http.request", "body": chunk, "more_body": not self._has_read}

    async def send(self, message):
        kind = message["type"]
        if kind == "http.response.start" and self._head is None:
            self._head = (status_of(message["status"]), pairs_of(message.get("headers", ())))
        elif kind == "http.response.body" and self._head is not None and not self.is_complete:
            await self._send_body(message.get("body", b""), message.get("more_body", False))
        else:
            raise bad_response(f"The application sent {kind!r:.60} where it does not belong")

    async def _send_body(self, body, has_more):
        if not isinstance(body, (bytes, bytearray, memoryview)):
            raise bad_response(f"The application's body is {kind_of(body)}, not bytes")
        if self._call.is_cancelled:
            return
        self.is_complete = not has_more
        if not self._is_streaming and not has_more:
            return await awaited(self._response.whole(*self._head, bytes(body)))
        if not self._is_streaming:
            self._response.start(*self._head)
            self._is_streaming = True
        await awaited(self._response.write(body))
        if not has_more:
            await awaited(self._response.finish())


class Lifespan:
    """One task for as long as the application is there: it is told of its start and its end, and says when it is ready."""

    def __init__(self, application, state):
        from asyncio import Queue

        self._application = application
        self._state = state
        self._events = Queue()
        self._answers = Queue()
        self._task = None

    async def start(self):
        from asyncio import ensure_future

        self._task = ensure_future(self._run())
        await self._tell("startup")
        kind, message = await self._answers.get()
        if kind == "lifespan.startup.failed":
            raise Fault("LOAD_FAILED", f"The application did not start: {message or 'it does not say why'}")

    async def stop(self):
        from asyncio import wait_for

        if self._task.done():
            return
        await self._tell("shutdown")
        await wait_for(self._answers.get(), SHUTDOWN_SECONDS)

    async def _tell(self, event):
        await self._events.put({"type": f"lifespan.{event}"})

    async def _run(self):
        scope = {"type": "lifespan", "asgi": VERSION, "state": self._state}
        try:
            await self._application(scope, self._events.get, self._send)
        except Exception:
            pass  # An application without a lifespan says so by that.
        finally:
            await self._answers.put(("", ""))

    async def _send(self, message):
        await self._answers.put((message["type"], message.get("message", "")))


def scope_of(call, function_name, state):
    request = WebRequest(call, function_name)
    flat = call.headers
    return {
        "type": "http",
        "asgi": VERSION,
        "http_version": "1.1",
        "method": call.method,
        "scheme": request.scheme,
        "path": request.path_bytes.decode("utf-8", "replace") or "/",
        "raw_path": request.raw_path.encode("utf-8", "replace") or b"/",
        "query_string": request.query.encode("utf-8", "replace"),
        "root_path": request.mount,
        "headers": [
            (_bytes(flat[at].lower()), _bytes(flat[at + 1])) for at in range(0, len(flat), 2)
        ],
        "client": (call.client_address, 0),
        "server": (request.host, request.port),
        "state": dict(state),
        "extensions": {},
        "cordon.context": call.context,
    }


def status_of(status):
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise bad_response(f"The application answered with the status {status!r:.40}, which is not from 200 to 599")
    return int(status)


def pairs_of(headers):
    return [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in headers]


def _asks_for_websocket(flat):
    return any(
        flat[at].lower() == "upgrade" and flat[at + 1].lower() == "websocket" for at in range(0, len(flat), 2)
    )


def _bytes(text):
    return text.encode("latin-1", "replace")
