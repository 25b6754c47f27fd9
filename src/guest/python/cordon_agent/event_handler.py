"""Event handler: `handler(event, context)`, plain or `async`; what it returns is the response."""

from .event import event_of
from .returned import answer, answer_async
from .waiting import awaited, wait


class EventHandler:
    def __init__(self, function, is_async):
        self.is_async = is_async
        self._function = function
        self._arity = arity_of(function)

    def run(self, call, response, loop):
        """On this thread. `loop`: gives one for what turns out to need it."""
        value = self._call(call, wait(call.read_all()))
        if hasattr(value, "__await__") or hasattr(_body(value), "__aiter__"):
            return loop().run_until_complete(_answer(response, value))
        wait(answer(response, value))

    async def run_async(self, call, response):
        value = self._call(call, await awaited(call.read_all()))
        await _answer(response, value)

    def _call(self, call, body):
        return self._function(*(event_of(call, body), call.context)[: self._arity])


async def _answer(response, value):
    if hasattr(value, "__await__"):
        value = await value
    await answer_async(response, value, awaited)


def _body(value):
    return value.get("body") if isinstance(value, dict) else None


def arity_of(function):
    """How many of `event` and `context` it takes, as far as that can be seen."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None or code.co_flags & 0x04:  # *args
        return 2
    bound = 1 if getattr(function, "__self__", None) is not None else 0
    return max(0, min(2, code.co_argcount - bound))
