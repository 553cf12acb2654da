"""A server and a browser, for the tests here and for the benchmark."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_WITHIN = 60  # seconds
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    names = [named] if named else ["chromium", "chromium-browser", "google-chrome"]
    return next((path for path in map(shutil.which, names) if path), None)


class Server:
    """``python <arguments>`` on a port (a free one), from ``with`` to the end of its block.

    The log goes to a file, because nobody reads a pipe, and a full one would stop the server. It
    has trained nothing before, and leaves nothing that it has trained.
    """

    def __init__(self, arguments: list[str], port: int | None = None) -> None:
        self.arguments = arguments
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        # Appending: server and reader share one place in the file, and reading moves it.
        self.log = tempfile.TemporaryFile("a+", encoding="utf-8")
        self.runs = tempfile.TemporaryDirectory()
        environment = os.environ | {
            "BN_RUNS_DIR": self.runs.name,
            "STREAMLIT_SERVER_PORT": str(self.port),
            "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
            "STREAMLIT_SERVER_HEADLESS": "true",
            "PYTHONPATH": str(ROOT),
        }
        self.process = subprocess.Popen(
            [sys.executable, *self.arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.runs.cleanup()

    def said(self) -> str:
        if self.log.closed:
            return ""
        self.log.seek(0)
        return self.log.read()

    def _wait(self) -> None:
        end = time.monotonic() + START_WITHIN
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended:\n{self.said()}")
            if is_healthy(self.url):
                return
            time.sleep(0.05)
        raise RuntimeError(f"the server did not start:\n{self.said()}")


def is_healthy(url: str) -> bool:
    """Whether Streamlit answers there that it is ready."""
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
