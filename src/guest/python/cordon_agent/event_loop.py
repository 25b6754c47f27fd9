"""Event loop: runs the calls of an asynchronous handler side by side. It stands still while there are none."""

from _contextvars import copy_context

from . import current
from .errors import Fault
from .lasting import await_for


class EventLoop:
    def __init__(self, sandbox, take_call):
        """`take_call()`: the next call that is to be begun, or None."""
        self._sandbox = sandbox
        self._take_call = take_call
        self._loop = None
        self._tasks = {}
        self._is_running = False

    def get(self):
        if self._loop is None:
            import asyncio

            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        return self._loop

    def serve(self, call):
        """Returns when this call, which has begun, is over, and all that came meanwhile."""
        loop = self.get()
        self._begin(call)
        self._is_running = True
        try:
            self._begin_more()
            while self._tasks:
                try:
                    loop.run_forever()
                except BaseException as error:
                    self._fail_all(error)
        finally:
            self._is_running = False

    def poke(self):
        """From another thread: there may be a call to begin."""
        if self._is_running:
            try:
                self._loop.call_soon_threadsafe(self._begin_more)
            except RuntimeError:
                pass

    def _begin_more(self):
        call = self._take_call()
        while call is not None:
            if self._sandbox.begin(call):
                self._begin(call)
            call = self._take_call()

    def _begin(self, call):
        context = copy_context()
        context.run(current.adopt, call)
        call.loop = self._loop
        task = context.run(self._loop.create_task, self._run(call))
        self._tasks[task] = call
        task.add_done_callback(self._done)

        def cancel():
            try:
                self._loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:
                pass

        call.on_cancel = cancel
        if call.is_cancelled:
            cancel()

    def _done(self, task):
        self._tasks.pop(task, None)
        if not task.cancelled():
            task.exception()
        if not self._tasks:
            self._loop.stop()

    async def _run(self, call):
        import asyncio

        is_late = []
        task = asyncio.current_task()

        def end():
            is_late.append(True)
            task.cancel()

        deadline = self._loop.call_later(call.remaining_ms() / 1000, end)
        try:
            await self._sandbox.handler.run_async(call, self._sandbox.response_to(call))
        except asyncio.CancelledError as error:
            self._sandbox.fail(call, _timed_out(call) if is_late else error)
        except BaseException as error:
            self._sandbox.fail(call, error)
        try:
            await self._last(call)
        except asyncio.CancelledError:
            pass
        finally:
            deadline.cancel()
            self._sandbox.finish(call)

    async def _last(self, call):
        while call.pending and not call.is_over:
            try:
                await await_for(call.pending.pop(0))
            except Exception as error:
                self._sandbox.log_error(call, "What wait_until() was given failed", error)

    def _fail_all(self, error):
        """Something asked for the end of the whole process (`sys.exit()` in a task of its own)."""
        for task, call in list(self._tasks.items()):
            self._sandbox.fail(call, error)
            task.cancel()


def _timed_out(call):
    return Fault("TIMED_OUT", f"Execution timed out after {call.timeout_ms / 1000:g}s")
