"""What would keep the book from being served, said in a sentence before it is tried.

``python -m bn_ui.preflight --host 127.0.0.1 --port 8501`` is what ``make run`` asks first.
"""

from __future__ import annotations

import argparse
import errno
import socket
import sys
from collections.abc import Callable

from bn_core.datasets import load_digits, load_fashion_mnist
from bn_ui.embedding import frame_ancestors
from bn_ui.runs.shared import folder
from bn_ui.runs.store import Store

HIGHEST_PORT = 65535
DATA: dict[str, Callable[[], object]] = {
    "digits.npz": load_digits,
    "fashion_mnist.npz": load_fashion_mnist,
}


def port_problem(host: str, port: int, command: str) -> str:
    """Why no server can listen there; ``command`` is what was typed, for the way out."""
    if not 1 <= port <= HIGHEST_PORT:
        return f"There is no port {port}: choose one from 1024 to 65535, as in: {command} PORT=8502"
    nowhere = f"There is no address {host} on this computer; try: {command} HOST=127.0.0.1"
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        return nowhere
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                return nowhere
            free = port + 1 if port < HIGHEST_PORT else 8501
            return f"Port {port} is in use or not allowed; choose another: {command} PORT={free}"
    return ""


def data_problem() -> str:
    """Which data set cannot be read."""
    for name, load in DATA.items():
        try:
            load()
        except Exception as error:  # whatever a missing or damaged file makes NumPy or zipfile say
            return (
                f"The data set bn_core/datasets/{name} is missing or damaged ({error}). Get it "
                "back with: git checkout -- bn_core/datasets"
            )
    return ""


def embedding_problem() -> str:
    """Whether the sites that may show the book are written in a way no browser understands."""
    try:
        frame_ancestors()
    except ValueError as error:
        return str(error)
    return ""


def main(arguments: list[str] | None = None) -> str | None:
    """Why not, or None."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    given = parser.parse_args(arguments)
    port = port_problem(given.host, given.port, "make run")
    if problem := port or embedding_problem() or data_problem():
        return problem
    Store(folder())  # says itself if it cannot write: runs are then computed again
    return None


if __name__ == "__main__":
    sys.exit(main())
