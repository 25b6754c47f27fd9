"""Lasting: what an invocation waits for after its response, as `wait_until` was given it."""

import sys


def begun(what, loop):
    """What is kept of it: a coroutine starts now, where a loop runs. Raises a TypeError for what can't be waited for."""
    if hasattr(what, "__await__"):
        if loop is None or not loop.is_running():
            return what
        import asyncio

        if asyncio.events._get_running_loop() is loop:
            return asyncio.ensure_future(what)
        return asyncio.run_coroutine_threadsafe(_await(what), loop)
    if _is_future(what) or _is_thread(what) or callable(what):
        return what
    raise TypeError(f"wait_until() takes an awaitable, a future, a thread or a function, not {type(what).__name__}")


def wait_for(what, loop):
    """On this thread. `loop`: gives one. Raises what it ends with."""
    if hasattr(what, "__await__"):
        return loop().run_until_complete(_await(what))
    if _is_future(what):
        return what.result()
    if _is_thread(what):
        return what.join()
    value = what()
    if hasattr(value, "__await__"):
        return loop().run_until_complete(_await(value))


async def await_for(what):
    if _is_future(what) and not hasattr(what, "__await__"):
        what = sys.modules["asyncio"].wrap_future(what)
    elif _is_thread(what):
        what = sys.modules["asyncio"].get_running_loop().run_in_executor(None, what.join)
    elif not hasattr(what, "__await__"):
        what = what()
    if hasattr(what, "__await__"):
        await what


async def _await(what):
    return await what


def _is_future(what):
    return hasattr(what, "add_done_callback") and hasattr(what, "result")


def _is_thread(what):
    return hasattr(what, "join") and hasattr(what, "is_alive")
