"""Pip: a function of ours that installs what a requirements.txt names, in a container as any other function: pip reads
files that a stranger wrote and an index that strangers fill, so it has a disk, a processor and a way out that are nobody's.

It runs in the very interpreter that the function will have, so wheels are chosen for that one. It is sent JSON
`{ requirements, args, certificates }` and answers with the packages, packed as lib/packed-files.ts says; or with status 422
and the end of what pip said. pip itself lies among its own files, as a folder or as a wheel.
"""

import json
import os
import shutil
import struct
import sys
import tempfile

KEPT_BYTES = 16384
FOLDER = ".cordon/packages/"


def app(environ, start_response):
    folder = tempfile.mkdtemp(prefix="pip-")
    try:
        order = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0) or -1))
        status, said = install(folder, order)
        if status != 0:
            start_response("422 Unprocessable Content", [("content-type", "text/plain; charset=utf-8")])
            return [said]
        start_response("200 OK", [("content-type", "application/octet-stream")])
        return [pack(os.path.join(folder, "target"))]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def install(folder, order):
    here = os.path.dirname(os.path.abspath(__file__))
    wheel = os.path.join(here, "pip.whl")
    if os.path.exists(wheel):
        sys.path.insert(0, wheel)
    from pip._internal.cli.main import main

    requirements = write(folder, "requirements.txt", order["requirements"])
    log = os.path.join(folder, "pip.log")
    args = list(order["args"])
    if order.get("certificates"):
        args += ["--cert", write(folder, "certificates.pem", order["certificates"])]
    args += ["--target", os.path.join(folder, "target"), "--log", log, "--requirement", requirements]
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    status = main(args)
    with open(log, "rb") as file:
        said = file.read()
    return status, said[-KEPT_BYTES:]


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def pack(target):
    """Files alone: a link could lead anywhere. Neither programs nor what an interpreter makes by itself."""
    found = []
    for folder, names, files in os.walk(target):
        names[:] = [name for name in names if name != "__pycache__" and not (folder == target and name == "bin")]
        for name in files:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path) and not name.endswith((".pyc", ".pyo")):
                with open(path, "rb") as file:
                    found.append((FOLDER + os.path.relpath(path, target).replace(os.sep, "/"), file.read()))
    found.sort()
    head = json.dumps({"entry": "", "files": [[path, len(content)] for path, content in found]}).encode()
    return b"".join([struct.pack("<I", len(head)), head, *[content for _, content in found]])
