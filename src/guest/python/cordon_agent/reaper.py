"""Reaper: where this is the first process of its namespace, it inherits orphans, and has to take their ends."""

import os

MAX_KNOWN = 4096
MAX_AT_ONCE = 64
CHILDREN = "/proc/self/task/1/children"


class Reaper:
    """Takes none that Python started, so that `subprocess` finds their statuses."""

    def __init__(self):
        self._known = {}
        self._is_needed = os.getpid() == 1
        if self._is_needed:
            self._watch()

    def reap(self):
        if not self._is_needed:
            return
        for pid in self._ended():
            try:
                os.waitpid(pid, os.WNOHANG)
            except OSError:
                pass

    def _ended(self):
        """Those that may have ended, without what is known."""
        try:
            if os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return ()
            with open(CHILDREN, encoding="ascii") as file:
                pids = [int(pid) for pid in file.read().split()]
        except OSError:
            return ()
        return [pid for pid in pids if pid not in self._known][:MAX_AT_ONCE]

    def _watch(self):
        import _posixsubprocess

        for module, name in (
            (_posixsubprocess, "fork_exec"),
            (os, "fork"),
            (os, "posix_spawn"),
            (os, "posix_spawnp"),
        ):
            setattr(module, name, self._watched(getattr(module, name)))

    def _watched(self, start):
        def started(*args, **options):
            pid = start(*args, **options)
            if pid:
                self._known[pid] = True
                if len(self._known) > MAX_KNOWN:
                    self._known.pop(next(iter(self._known)), None)
            return pid

        return started
