"""The app with an answer that comes 0.4 seconds late, as on a busy server or a poor network."""

import time

from streamlit.web import cli

import bn_ui.live_chart

DELAY = 0.4  # seconds

_message = bn_ui.live_chart.message


def late_message(*arguments: object) -> bytes:
    time.sleep(DELAY)
    return _message(*arguments)


if __name__ == "__main__":
    bn_ui.live_chart.message = late_message
    cli.main(["run", "app.py"])
