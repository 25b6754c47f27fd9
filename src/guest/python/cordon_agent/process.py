"""The process as a function sees it: an environment of its own, and an end that its host hears of."""

import os

real_exit = os._exit


def install_environment(given, door_variables, scratch):
    """What the function was given comes before what whoever started this process says about it (where certificates are)."""
    os.environ.update({"HOME": scratch, "TMPDIR": scratch, **os.environ, **door_variables, **given})


def install_exit(on_exit):
    """`on_exit(code)`: the function ends this process, without a word to anybody."""
    agent = os.getpid()

    def _exit(status):
        if os.getpid() == agent:
            on_exit(status)
        real_exit(status)

    os._exit = _exit


def install_fork(in_child):
    os.register_at_fork(after_in_child=in_child)
