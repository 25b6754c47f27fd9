"""Agent: takes the host's frames, and runs what they ask for on the main thread; a second thread attends meanwhile."""

from _thread import start_new_thread
from _collections import deque
from select import EPOLLIN, epoll

from .call import call_of
from .connection import Connection
from .door import EgressDoor
from .frames import CALL, CANCEL, CLOSE, GONE, NOT_BEGUN, OPEN, PING, PONG, READY
from .jsons import dumps_ascii
from .logging_levels import install_logging_levels
from .process import install_environment, install_exit, install_fork, real_exit
from .reaper import Reaper
from .sandbox import Sandbox


class Agent:
    def __init__(self, channel, scratch):
        self._scratch = scratch
        self._epoll = epoll()
        # What the second thread does when a descriptor can be read.
        self._attended = {}
        self._connection = Connection(channel, self._epoll, self._receive, lambda: real_exit(0))
        self._attended[channel.fileno()] = self._connection.on_readable
        # What is to be done, in its order: functions and calls.
        self._inbox = deque()
        self._calls = {}
        self._sandbox = None
        self._sandbox_id = 0
        self._door = None
        self._reaper = None

    def serve(self):
        """Returns never."""
        start_new_thread(self._attend, ())
        self._connection.send_frame(READY, 0)
        while True:
            try:
                while True:
                    self._do(self._next())
            except BaseException as error:
                # A signal handler of the function's, most likely.
                if self._connection.closed:
                    real_exit(0)
                if self._sandbox is not None:
                    self._sandbox.log_error(None, "Uncaught", error)

    def _next(self):
        inbox = self._inbox
        while not inbox:
            self._connection.read(lambda: bool(inbox))
            if self._connection.closed:
                real_exit(0)
        return inbox.popleft()

    def _do(self, work):
        self._connection.attend()
        try:
            if callable(work):
                work()
            else:
                self._sandbox.serve(work)
        finally:
            self._connection.unattend()
            self._connection.flush()
        if self._reaper is not None:
            self._reaper.reap()

    def _receive(self, kind, stream, payload):
        """Takes one frame, on whichever thread reads: no code of the function's runs here."""
        if kind == CALL:
            self._call(stream, payload)
        elif kind == PING:
            self._connection.send_frame(PONG, stream)
        elif kind == CANCEL:
            self._cancel(stream)
        elif kind == OPEN:
            self._open(stream, payload)
        elif kind == CLOSE:
            self._inbox.append(lambda: self._sandbox.close() if stream == self._sandbox_id else None)
        else:
            call = self._calls.get(stream)
            if call is not None:
                call.receive(kind, payload)

    def _call(self, id, payload):
        call = call_of(self._connection, id, payload, lambda over: self._calls.pop(over, None))
        if call.sandbox != self._sandbox_id:
            return self._connection.send_frame(NOT_BEGUN, id)
        self._calls[id] = call
        self._inbox.append(call)
        if self._sandbox is not None:
            self._sandbox.loop.poke()

    def _cancel(self, id):
        call = self._calls.get(id)
        if call is None:
            return
        try:
            self._inbox.remove(call)
        except ValueError:
            return call.cancel()
        call.settle()

    def _take_call(self):
        """For a handler that serves several at a time: the next one, where that is what is to be done next."""
        try:
            work = self._inbox.popleft()
        except IndexError:
            return None
        if not callable(work):
            return work
        self._inbox.appendleft(work)
        return None

    def _open(self, id, payload):
        if self._sandbox_id != 0:
            reason = ["SANDBOX_RECYCLED", "This process serves another sandbox already", None]
            return self._connection.send_meta(GONE, id, dumps_ascii(reason))
        self._sandbox_id = id
        self._inbox.append(lambda: self._furnish(id, payload))

    def _furnish(self, id, payload):
        """What the function finds around itself, and then the function."""
        sandbox = self._sandbox = Sandbox(self._connection, id, payload, self._scratch, self._take_call)
        for pipe in sandbox.pipes:
            self._watch(pipe.read_end, pipe.drain)
        install_environment(sandbox.meta["env"], self._open_door(), self._scratch)
        install_exit(sandbox.exited)
        install_fork(self._forked)
        install_logging_levels()
        self._reaper = Reaper()
        sandbox.load()

    def _open_door(self):
        """The variables that tell where it is; none where there is no loopback."""
        try:
            door = self._door = EgressDoor()
        except OSError:
            return {}
        self._watch(door.fileno(), door.accept)
        return door.variables

    def _forked(self):
        """In a child: what it prints its parent logs, and the rest is its parent's alone."""
        self._connection.forget()
        self._epoll.close()
        for stream in self._sandbox.streams:
            stream.become_child()
        if self._door is not None:
            self._door.forget()

    def _watch(self, fd, on_readable):
        self._attended[fd] = on_readable
        self._epoll.register(fd, EPOLLIN)

    def _attend(self):
        """The second thread. Signals are the main thread's."""
        from _signal import SIG_BLOCK, pthread_sigmask, valid_signals

        pthread_sigmask(SIG_BLOCK, valid_signals())
        while not self._connection.closed:
            try:
                for fd, _ in self._epoll.poll():
                    self._attended[fd]()
            except Exception as error:
                if self._sandbox is not None and not self._connection.closed:
                    self._sandbox.log_error(None, "The agent failed", error)


