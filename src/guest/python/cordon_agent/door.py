"""Egress door: a proxy's port inside the sandbox, whose connections are streams to the host's proxy. Nothing is parsed here."""

import _socket
from _thread import start_new_thread

from .asks import STREAMED_BODY, CapabilityError
from .current import latest_call
from .waiting import wait

READ_BYTES = 64 * 1024
BACKLOG = 64
MAX_CONNECTIONS = 128
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


class EgressDoor:
    def __init__(self):
        """Raises an OSError where there is no loopback to listen on."""
        self._listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(BACKLOG)
        self._listener.setblocking(False)
        self._connections = set()

    def fileno(self):
        return self._listener.fileno()

    @property
    def variables(self):
        """Of the environment, for whatever knows proxies."""
        url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        return {**{name: url for name in PROXY_VARIABLES}, "NO_PROXY": "", "no_proxy": ""}

    def accept(self):
        try:
            fd, _ = self._listener._accept()
        except OSError:
            return
        client = _socket.socket(fileno=fd)
        call = latest_call()
        if call is None or len(self._connections) >= MAX_CONNECTIONS:
            return client.close()
        client.setblocking(True)
        connection = _Connection(client, self._connections.discard)
        self._connections.add(connection)
        try:
            start_new_thread(connection.serve, (call,))
        except RuntimeError:
            connection.close()

    def forget(self):
        """In a child process: who listens is its parent alone."""
        self._listener.close()
        for connection in self._connections:
            connection.forget()


class _Connection:
    def __init__(self, client, on_close):
        self._client = client
        self._on_close = on_close

    def serve(self, call):
        """What the host answers goes to the client, until either has no more."""
        ask = None
        try:
            ask = call.ask("egress", None, STREAMED_BODY)
            start_new_thread(self._upload, (ask,))
            wait(ask.head())
            while True:
                chunk = wait(ask.answer.next_chunk())
                if not chunk:
                    break
                self._client.sendall(chunk)
        except (CapabilityError, OSError, RuntimeError):
            pass
        finally:
            if ask is not None:
                ask.cancel()
            self.close()

    def close(self):
        self._on_close(self)
        try:
            self._client.shutdown(_socket.SHUT_RDWR)
        except OSError:
            pass
        self._client.close()

    def forget(self):
        self._client.close()

    def _upload(self, ask):
        try:
            while True:
                chunk = self._client.recv(READ_BYTES)
                if not chunk:
                    break
                wait(ask.body.write(chunk))
            ask.body.end()
        except CapabilityError:
            pass
        except OSError:
            ask.cancel()
