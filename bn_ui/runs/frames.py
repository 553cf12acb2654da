"""Messages between the server and a worker: pickles, each after its length, over plain pipes.

Pipes of ``subprocess`` and not ``multiprocessing``: a spawned child of that imports the parent's
``__main__``, which under ``streamlit run`` is Streamlit's command line, and leaves a resource
tracker behind. A pipe also tells either side that the other is gone, however it went.

Only the server's own children speak here; nothing from a browser or from disk is unpickled.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct(">I")


def send(stream: BinaryIO, message: Any) -> None:
    """Write a message; OSError if nobody reads any more."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """The next message; EOFError if the other side is gone, also in the middle of one."""
    return pickle.loads(_exactly(stream, *_LENGTH.unpack(_exactly(stream, _LENGTH.size))))


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
