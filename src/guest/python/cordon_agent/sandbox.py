"""Sandbox: one version in this process: its handler, and how one call of it goes."""

from . import current
from .context import Context
from .errors import Fault, fault_of, stack_of
from .event_loop import EventLoop
from .jsons import loads
from .frames import meta_end
from .lasting import wait_for
from .load import folder_in, load
from .log import Log
from .output import install_output
from .response import response_to

# The answer of code that has loaded and was not to be called.
LOADED = 204


class Sandbox:
    def __init__(self, connection, id, payload, scratch, take_call):
        """`payload`: an OPEN's. `take_call()`: the next call, for a handler that serves several at a time."""
        end = meta_end(payload)
        self.id = id
        self.meta = loads(payload[4:end].decode())
        self.log = Log(connection, id, self.meta["logBytes"])
        self.handler = None
        self.loop = EventLoop(self, take_call)
        self._connection = connection
        self._code = memoryview(payload)[end : end + self.meta["codeBytes"]]
        self._scratch = scratch
        self._folder = folder_in(scratch)
        self._load_fault = None
        self.streams, self.pipes = install_output(self.log)

    def load(self):
        """Why the code does not load is what its calls are told."""
        try:
            self.handler = load(self.meta, self._code, self._scratch)
            if hasattr(self.handler, "start"):
                self.loop.get().run_until_complete(self.handler.start())
        except BaseException as error:
            self.handler = None
            self._load_fault = fault_of(error, "LOAD_FAILED", self._folder)
        self._code = None

    def serve(self, call):
        """Returns when it is over."""
        if not self.begin(call):
            return
        if self.handler.is_async:
            self.loop.serve(call)
        else:
            self._run(call)

    def begin(self, call):
        """False where it needs no handler: it is over."""
        call.log = self.log
        call.context = Context(call, self.meta)
        current.begin(call)
        if self.handler is None:
            call.send_fault(self._load_fault)
        elif call.reply == "load":
            call.send_reply(LOADED, "[]", b"", True)
        return not call.is_over

    def response_to(self, call):
        return response_to(call, self.meta["responseBytes"], lambda: self._flush(call))

    def fail(self, call, error):
        """An error that the handler did not catch: the call's outcome, unless it has one."""
        self._flush(call)
        if call.is_answered or call.is_over:
            return self.log_error(call, "After its response, the handler failed", error)
        call.send_fault(fault_of(error, "HANDLER_THREW", self._folder))

    def finish(self, call):
        """Its handler has returned, and so has what it waited for."""
        if call.is_over:
            return
        self._flush(call)
        if call.is_answered or call.is_cancelled:
            call.settle()
        else:
            call.send_fault(Fault("BAD_RESPONSE", "The handler ended without a response"))

    def exited(self, code):
        """The function ends this process: its invocation hears of it."""
        call = current.current_call()
        if call is not None and not call.is_over and not call.is_answered:
            self.fail(call, Fault("HANDLER_THREW", f"The function called os._exit({code!r:.20})"))

    def close(self):
        if hasattr(self.handler, "stop"):
            self.loop.get().run_until_complete(self.handler.stop())

    def log_error(self, call, what, error):
        self.log.write("error", f"{what}:\n{stack_of(error, self._folder) or type(error).__name__}", call)

    def _run(self, call):
        current.adopt(call)
        try:
            self.handler.run(call, self.response_to(call), self.loop.get)
        except BaseException as error:
            self.fail(call, error)
        try:
            self._last(call)
        finally:
            self.finish(call)
            current.adopt(None)

    def _last(self, call):
        while call.pending and not call.is_over:
            try:
                wait_for(call.pending.pop(0), self.loop.get)
            except BaseException as error:
                self.log_error(call, "What wait_until() was given failed", error)

    def _flush(self, call):
        """All that was printed so far is logged while it is the call's."""
        for pipe in self.pipes:
            pipe.drain()
        if call.partial_lines:
            for stream in self.streams:
                stream.end_lines(call)
