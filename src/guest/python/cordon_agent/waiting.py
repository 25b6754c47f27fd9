"""Waiting: what takes time is written once, as a generator of tickets, and waited for by a thread or by an event loop."""

from _thread import allocate_lock


class Ticket:
    """One wait for one event, which may have come before anybody waits."""

    __slots__ = ("fired", "_callbacks")

    def __init__(self):
        self.fired = False
        self._callbacks = []

    def fire(self):
        self.fired = True
        try:
            callback = self._callbacks.pop()
        except IndexError:
            return
        callback()

    def block(self):
        lock = allocate_lock()
        lock.acquire()
        if self._expects(lock.release):
            lock.acquire()

    async def pause(self):
        from asyncio import get_running_loop

        loop = get_running_loop()
        future = loop.create_future()
        if not self._expects(lambda: _call_soon(loop, _resolve, future)):
            return
        await future

    def _expects(self, callback):
        """False where it has fired already: nobody will call."""
        self._callbacks.append(callback)
        if not self.fired:
            return True
        try:
            self._callbacks.pop()
        except IndexError:
            # It was taken, and is called or about to be.
            return True
        return False


class Bell:
    """Whoever waits for a change of something is woken by each change, and looks again."""

    __slots__ = ("_tickets",)

    def __init__(self):
        self._tickets = []

    def ring(self):
        if not self._tickets:
            return
        tickets, self._tickets = self._tickets, []
        for ticket in tickets:
            ticket.fire()

    def ticket(self, is_due):
        """`is_due` is looked at after the ticket is out, so that no change between the two is missed."""
        ticket = Ticket()
        self._tickets.append(ticket)
        if is_due():
            ticket.fire()
        return ticket


def wait(steps):
    """Runs the generator on this thread; its value."""
    try:
        while True:
            next(steps).block()
    except StopIteration as stop:
        return stop.value
    finally:
        steps.close()


async def awaited(steps):
    """The same in the event loop that runs here."""
    try:
        while True:
            try:
                ticket = next(steps)
            except StopIteration as stop:
                return stop.value
            await ticket.pause()
    finally:
        steps.close()


def _call_soon(loop, callback, *args):
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError:
        pass  # The loop is closed.


def _resolve(future):
    if not future.done():
        future.set_result(None)
