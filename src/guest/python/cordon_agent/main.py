"""
Main: `<channel> <scratch> [<filter>]`. The channel is `fd:3`, an inherited socket, or the path of a Unix socket; scratch
a folder that may be written to; the filter a file with a seccomp program, which is put on before anything else.
"""

import _socket

from .confinement import confine
from .errors import say

FD = "fd:"


def main(args):
    if not 2 <= len(args) <= 3:
        say(f"The agent takes a channel, a scratch folder and perhaps a filter, not {len(args)} arguments")
        raise SystemExit(2)
    name, scratch, *rest = args
    channel = channel_named(name)
    if rest:
        confine(rest[0])
    from .agent import Agent

    Agent(channel, scratch).serve()


def channel_named(name):
    try:
        if name.startswith(FD):
            channel = _socket.socket(fileno=int(name[len(FD) :]))
        else:
            channel = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
            channel.connect(name)
    except (OSError, ValueError) as error:
        say(f"The agent can't reach its host at {name}: {error}")
        raise SystemExit(1)
    channel.setblocking(True)
    _keep_from_programs(channel.fileno())
    return channel


def _keep_from_programs(fd):
    """What the function starts doesn't inherit it."""
    from os import set_inheritable

    set_inheritable(fd, False)
