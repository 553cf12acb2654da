#!/bin/sh
# The browser tests need Chromium and a font with Chinese characters. Installs both on Debian and its
# relatives if allowed to (as root, or with a sudo that asks for no password); elsewhere says what to
# install. CHROMIUM names a browser that is not on the PATH.
set -eu

if [ -n "${CHROMIUM:-}" ] && ! command -v "$CHROMIUM" >/dev/null; then
    echo "CHROMIUM is set to '$CHROMIUM', which cannot be run." >&2
    exit 1
fi

have_browser() {
    [ -n "${CHROMIUM:-}" ] || command -v chromium || command -v chromium-browser ||
        command -v google-chrome
}
have_font() { # where fc-list is missing nothing can be said against it
    ! command -v fc-list || [ -n "$(fc-list :lang=zh-cn)" ]
}
if have_browser >/dev/null && have_font >/dev/null; then
    exit 0
fi

packages="fonts-noto-cjk"
have_browser >/dev/null || packages="chromium $packages"

if [ "$(id -u)" -eq 0 ]; then
    as_root="env"
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n env"
else
    as_root=""
fi
if [ -z "$as_root" ] || ! command -v apt-get >/dev/null; then
    {
        echo "The browser tests need Chromium or Google Chrome on the PATH (or named by CHROMIUM),"
        echo "and a font with Chinese characters."
        echo "  On Debian:      apt-get install $packages"
        echo "  Without them:   .venv/bin/pytest -m 'not browser'"
    } >&2
    exit 1
fi

echo "== installing $packages"
as_root="$as_root DEBIAN_FRONTEND=noninteractive"
# Unquoted on purpose: these are lists of words.
$as_root apt-get update -qq
$as_root apt-get install -y -qq --no-install-recommends $packages >/dev/null
