"""Logging levels: what `logging` writes to an output is logged whole and at its own level, as soon as it is imported."""

import sys

from .output import LineStream

# From this level on, the name that the host has for it.
NAMES = ((40, "error"), (30, "warn"), (20, "info"))


class LoggingFinder:
    """Finds `logging` as it would be found without it, and has its StreamHandler know the outputs."""

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                keep_levels(module)

            spec.loader.exec_module = exec_module
        return spec


def install_logging_levels():
    if "logging" in sys.modules:
        keep_levels(sys.modules["logging"])
    else:
        sys.meta_path.insert(0, LoggingFinder())


def keep_levels(logging):
    write = logging.StreamHandler.emit

    def emit(self, record):
        stream = self.stream
        if type(stream) is not LineStream or stream.log is None:
            return write(self, record)
        try:
            stream.log.write(level_of(record.levelno), self.format(record))
        except Exception:
            self.handleError(record)

    logging.StreamHandler.emit = emit


def level_of(number):
    for least, name in NAMES:
        if number >= least:
            return name
    return "debug"
