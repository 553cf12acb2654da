"""``make class``: serve the book on the local network, and print its address and QR code.

Nothing is sent anywhere to find the address: the machine is asked which of its own it would use.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import socket
import subprocess
import sys
from pathlib import Path

import segno

from bn_ui.preflight import data_problem, embedding_problem, port_problem

ROOT = Path(__file__).resolve().parent.parent
# Never reached: to "connect" a datagram socket sends nothing, it only chooses an interface. The
# first is reserved for documentation, the others are far ends of private networks.
_FAR_AWAY = ("192.0.2.1", "192.168.255.254", "10.255.255.254", "172.31.255.254")
_ASK_INTERFACE = {"linux": 0x8915, "darwin": 0xC0206921}  # SIOCGIFADDR


def lan_addresses() -> list[str]:
    """The machine's IPv4 addresses in networks, the one that others most likely reach first."""
    found = [*_by_route(), *_by_name(), *_by_interface()]
    usable = [address for address in dict.fromkeys(found) if _usable(address)]
    return sorted(usable, key=lambda address: ipaddress.ip_address(address).is_link_local)


def _usable(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return not (ip.is_loopback or ip.is_unspecified or ip.is_multicast)


def _by_route() -> list[str]:
    found = []
    for target in _FAR_AWAY:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((target, 9))
                found.append(probe.getsockname()[0])
            except OSError:
                continue
    return found


def _by_name() -> list[str]:
    try:
        return socket.gethostbyname_ex(socket.gethostname())[2]
    except OSError:
        return []


def _by_interface() -> list[str]:
    """Every interface's own, for a network without a router: Linux and macOS can be asked."""
    request = _ASK_INTERFACE.get(sys.platform)
    if request is None:
        return []
    import fcntl

    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe, request, name.encode().ljust(256, b"\0"))
                found.append(socket.inet_ntoa(answer[20:24]))
            except OSError:
                continue
    return found


def terminal_qr(address: str) -> str:
    """The QR code in half blocks, black on white in any terminal, as scanners want it."""
    rows = [bytes(row) for row in segno.make(address, error="m", micro=False).matrix_iter(border=2)]
    if len(rows) % 2:
        rows.append(bytes(len(rows[0])))
    half = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
    lines = [
        "".join(half[above, below] for above, below in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]
    return "\n".join(f"  \033[30;107m{line}\033[0m" for line in lines)


def announcement(addresses: list[str], port: int) -> str:
    """What is printed before the server starts."""
    first, *others = (f"http://{address}:{port}" for address in addresses)
    lines = ["", f"  Students open   {first}", "", terminal_qr(first), ""]
    lines += [f"  or, if that does not answer:   {other}" for other in others]
    lines += [
        f"  Your own page   {first}/teach   (lesson links, worksheets)",
        "  All devices must be in this computer's network; it needs no internet. Ctrl+C stops it.",
        "",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> str | None:
    """Print and serve; or return, in one sentence, why that is not possible."""
    parser = argparse.ArgumentParser(prog="make class", description=__doc__)
    parser.add_argument("--port", type=int, default=8501)
    port = parser.parse_args(arguments).port
    taken = port_problem("0.0.0.0", port, "make class")
    if problem := taken or embedding_problem() or data_problem():
        return problem
    addresses = lan_addresses()
    if not addresses:
        return "This computer is in no network: join the classroom's Wi-Fi and try again."
    print(announcement(addresses, port), flush=True)
    serve(addresses[0], port)
    return None


def serve(address: str, port: int) -> None:
    """Become the server, so that Ctrl+C reaches it.

    Windows cannot: there ``execv`` gives the prompt back at once, and does not quote a path with
    spaces. So there the server is waited for, and Ctrl+C reaches both.
    """
    os.chdir(ROOT)
    server = [sys.executable, *command(address, port)]
    if os.name == "nt":
        try:
            sys.exit(subprocess.call(server))
        except KeyboardInterrupt:
            sys.exit(130)
    os.execv(server[0], server)


def command(address: str, port: int) -> list[str]:
    """What Python is to run: Streamlit on every address of this machine.

    It is told the address that is in use. Otherwise it would ask a service on the internet for it,
    at the start and whenever a student connects.
    """
    options = {
        "server.address": "0.0.0.0",
        "server.port": str(port),
        "server.headless": "true",
        "browser.serverAddress": address,
        "logger.hideWelcomeMessage": "true",
    }
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    return ["-m", "streamlit", "run", "app.py", *flags]


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    sys.exit(main())
