"""Context: the second argument of `handler(event, context)`, of one invocation; `cordon.ctx` is that of whichever runs."""

from .current import current_call
from .fetch import fetching
from .services import Db, Email, Kv, Publisher, Vm


class User(dict):
    """Who calls, as the host knows: {"id", "email", "roles"}, also as attributes."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Context:
    def __init__(self, call, spec):
        """`spec`: the OPEN frame's meta."""
        self._call = call
        self._spec = spec
        self.invocation_id = self.request_id = self.aws_request_id = call.invocation_id
        self.function_name = spec["functionName"]
        self.memory_limit_in_mb = str(spec["memoryMb"])

    def remaining_ms(self):
        return self._call.remaining_ms()

    def get_remaining_time_in_millis(self):
        return int(self._call.remaining_ms())

    def log(self, *values):
        """A line of the log, at the level `info`."""
        self._call.log.write("info", " ".join(map(str, values)), self._call)

    def wait_until(self, what):
        """
        The invocation lasts until this is done, after its response: an awaitable, a future, a thread, or a function that
        is then called without arguments.
        """
        self._call.lasts_for(what)

    @property
    def user(self):
        principal = self._call.principal
        id, email, roles = (None, None, []) if principal is None else principal[:3]
        return User(id=id, email=email, roles=list(roles))

    @property
    def env(self):
        return dict(self._spec["env"])

    @property
    def is_cancelled(self):
        """Nobody waits for the response any more."""
        return self._call.is_cancelled

    @property
    def fetch(self):
        return fetching(self._call)

    @property
    def kv(self):
        return Kv(self._call)

    @property
    def db(self):
        return Db(self._call)

    @property
    def email(self):
        return Email(self._call)

    @property
    def vm(self):
        return Vm(self._call)

    @property
    def publish(self):
        return Publisher(self._call).publish


class CurrentContext:
    """`from cordon import ctx`"""

    def __getattr__(self, name):
        call = current_call()
        if call is None:
            if name.startswith("__"):
                raise AttributeError(name)
            raise RuntimeError(f"ctx.{name} is there while an invocation is handled, and only in its own code")
        return getattr(call.context, name)
