"""Load: a version's files, laid out in the scratch folder, and its entry, imported into this very process."""

import sys
from os import chdir, listdir, makedirs
from os.path import isdir

from .conventions import handler_in
from .errors import Fault
from .frames import NUMBER
from .jsons import loads

FOLDER = "app"
# As `pip install --target` lays packages out.
PACKAGES = ".cordon/packages"
ENTRY = "main.py"


def load(meta, code, scratch):
    """The handler. `meta`: the OPEN frame's. Raises the code's own error, or a Fault."""
    if meta["handler"] == "script":
        raise Fault("LOAD_FAILED", "Script bodies are JavaScript; a Python function defines handler(event, context)")
    folder = folder_in(scratch)
    entry = lay_out(meta["format"], code, folder)
    chdir(folder)
    sys.path.insert(0, folder)
    add_packages(f"{folder}/{PACKAGES}")
    sys.argv[:] = [entry]
    module_name, _, name = meta["handlerName"].rpartition(".")
    module = import_module(module_name) if module_name else import_entry(entry, folder)
    return handler_in(module, name, meta["functionName"])


def folder_in(scratch):
    return f"{scratch.rstrip('/')}/{FOLDER}"


def lay_out(kind, code, folder):
    """Writes the files; returns the entry's path in the folder."""
    if kind == "source":
        entry, files = ENTRY, [(ENTRY, code)]
    elif kind == "files":
        entry, files = unpack(code)
    else:
        raise Fault("LOAD_FAILED", f"A {kind} is JavaScript; a Python function is deployed as files")
    made = set()
    for path, content in files:
        if path.startswith("/") or ".." in path.split("/"):
            raise Fault("LOAD_FAILED", f"{path[:80]} is no path within a folder")
        parent = f"{folder}/{path}".rpartition("/")[0]
        if parent not in made:
            makedirs(parent, exist_ok=True)
            made.add(parent)
        with open(f"{folder}/{path}", "wb", buffering=0) as file:
            write_all(file, content)
    return entry


def unpack(code):
    """As src/lib/packed-files.ts packs them."""
    at = 4 + NUMBER.unpack_from(code)[0]
    packed = loads(bytes(code[4:at]).decode())
    files = []
    for path, size in packed["files"]:
        files.append((path, code[at : at + size]))
        at += size
    return packed["entry"], files


def write_all(file, content):
    view = memoryview(content)
    while len(view) > 0:
        view = view[file.write(view) :]


def add_packages(folder):
    if not isdir(folder):
        return
    sys.path.insert(1, folder)
    if any(name.endswith(".pth") for name in listdir(folder)):
        import site

        site.addsitedir(folder)


def import_entry(entry, folder):
    """Under the name that its path gives it, so that the function's other modules find the same one."""
    path, _, _ = entry.rpartition(".py")
    name = path.replace("/", ".")
    if "." not in path and name not in sys.modules:
        return import_module(name)
    # The name is taken, or would be that of another file.
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(f"{name}_" if name in sys.modules else name, f"{folder}/{entry}")
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def import_module(name):
    __import__(name)
    return sys.modules[name]
