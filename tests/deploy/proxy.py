"""nginx with the template that is deployed, in front of servers of this machine."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.browser.serving import ROOT, Server, free_port, is_healthy

TEMPLATE = ROOT / "deploy" / "nginx" / "lab.conf.template"
START_WITHIN = 10  # seconds
# What the image around the template has in its own nginx.conf; every path below one folder.
MAIN = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/lab.conf;
}}
"""


class Request(NamedTuple):
    """A line of the log. ``replicas``: who was asked, in turn; none if it came from the cache."""

    status: int
    method: str
    path: str
    replicas: list[str]
    cache: str


def nginx() -> str | None:
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


def server_line(server: Server, rest: str) -> str:
    return f"server 127.0.0.1:{server.port} max_fails=1 fail_timeout={rest};"


def rendered(values: dict[str, str]) -> str:
    """The template with its variables put in, as `envsubst` does for the image."""
    return re.sub(r"\$\{(BN_\w+)\}", lambda found: values[found[1]], TEMPLATE.read_text("utf-8"))


class Proxy:
    """nginx in front of ``servers``, from ``with`` to the end of its block.

    rest : for how long a replica that has failed is left alone
    """

    def __init__(self, servers: Sequence[Server], rest: str = "10s") -> None:
        self.servers, self.rest = servers, rest

    def __enter__(self) -> Proxy:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        values = {
            "BN_SERVERS": " ".join(server_line(server, self.rest) for server in self.servers),
            "BN_RESOLVER": "",
            "BN_LISTEN": f"127.0.0.1:{port}",
            "BN_CACHE": f"{self.folder}/cache",
            "BN_LOG": f"{self.folder}/access.log",
        }
        (self.folder / "lab.conf").write_text(rendered(values), "utf-8")
        # Started by root it would hand its work to somebody who may not write into the folder.
        me = pwd.getpwuid(os.geteuid()).pw_name
        user = f"user {me};" if os.geteuid() == 0 else ""
        main = self.folder / "nginx.conf"
        main.write_text(MAIN.format(folder=self.folder, user=user), "utf-8")
        command = [nginx(), "-p", self.folder, "-e", self.folder / "error.log", "-c", main]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate(timeout=10)
        self._folder.cleanup()

    def requests(self) -> list[Request]:
        lines = (self.folder / "access.log").read_text("utf-8").splitlines()
        found = []
        for line in lines:
            _, status, method, path, *replicas, cache, _, _ = line.split()
            names = [name.strip(",:") for name in replicas if name not in (":", "-")]
            found.append(Request(int(status), method, path, names, cache))
        return found

    def await_requests(self, count: int, prefix: str = "/") -> None:
        """Until so many are in the log, which is written after the answer has been sent."""
        end = time.monotonic() + START_WITHIN
        while sum(request.path.startswith(prefix) for request in self.requests()) < count:
            if time.monotonic() > end:
                raise AssertionError(f"fewer than {count} requests of {prefix} are in the log")
            time.sleep(0.02)

    def said(self) -> str:
        return (self.folder / "error.log").read_text("utf-8")

    def _wait(self) -> None:
        end = time.monotonic() + START_WITHIN
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"nginx ended:\n{self.process.communicate()[1]}")
            if is_healthy(self.url):
                return
            time.sleep(0.02)
        raise RuntimeError(f"nginx did not start:\n{self.said()}")
