#!/bin/sh
# `make test-deploy` needs nginx. Installs it on Debian and its relatives if allowed to; elsewhere says
# so. The server that the package starts by itself is stopped again.
set -eu

PATH="$PATH:/usr/sbin"
if command -v nginx >/dev/null; then
    exit 0
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root="env"
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n env"
else
    as_root=""
fi
if [ -z "$as_root" ] || ! command -v apt-get >/dev/null; then
    echo "make test-deploy needs nginx on the PATH. On Debian: apt-get install nginx" >&2
    exit 1
fi

echo "== installing nginx"
as_root="$as_root DEBIAN_FRONTEND=noninteractive"
# Unquoted on purpose: it is a list of words.
$as_root apt-get update -qq
$as_root apt-get install -y -qq --no-install-recommends nginx >/dev/null
if [ -d /run/systemd/system ]; then
    $as_root systemctl disable --now nginx >/dev/null 2>&1
fi
