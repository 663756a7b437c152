"""ffctl top on a terminal of its own: is it drawn within the window, and left as it was found?

    watch_top.py FFCTL FLAG

Ends it with SIGINT, once more with SIGTERM. FLAG is evaluated meanwhile. Prints what is wrong.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

PATIENCE_S = 20
BEGIN, END = b"\033[?1049h\033[?25l", b"\033[?25h\033[?1049l"


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def read_until(fd, text, is_enough):
    until = time.monotonic() + PATIENCE_S
    while not is_enough(text):
        if time.monotonic() > until:
            sys.exit(f"nothing more comes: {text!r}")
        if select.select([fd], [], [], 0.1)[0]:
            try:
                text += os.read(fd, 65536)
            except OSError:  # the other side has closed
                return text
    return text


def frames(text):
    return text.split(b"\033[H")[1:]


def check_frame(frame, rows, columns, colour):
    lines = re.sub(rb"\033\[[0-9;?]*[a-zA-Z]", b"", frame).decode().split("\r\n")
    if len(lines) > rows or any(len(line) > columns for line in lines):
        sys.exit(f"it does not fit into {rows} x {columns}: {lines}")
    if (b"\033[1m" in frame) != colour:
        sys.exit(f"colour is {not colour}: {frame!r}")


def watch(command, flag, number, environment, colour):
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(environment)
        os.execv(command[0], command)
    resize(fd, 12, 60)
    # The first frame may have been drawn for the window of before.
    text = read_until(fd, b"", lambda t: len(frames(t)) >= 4)
    if not text.startswith(BEGIN):
        sys.exit(f"it does not begin on a screen of its own: {text!r}")
    check_frame(frames(text)[2], 12, 60, colour)
    if flag.encode() not in text or b"EVALS/S" not in text or b"evaluations/s of " not in text:
        sys.exit(f"the flag is not shown: {text!r}")
    resize(fd, 4, 24)
    text = read_until(fd, b"", lambda t: len(frames(t)) >= 4)
    check_frame(frames(text)[2], 4, 24, colour)
    os.kill(pid, number)
    text = read_until(fd, text, lambda t: t.endswith(END))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code != 0:
        sys.exit(f"it ended with {code}: {text!r}")
    os.close(fd)


def main():
    ffctl, flag = sys.argv[1:3]
    os.environ["TERM"] = "xterm"
    os.environ.pop("NO_COLOR", None)
    command = [ffctl, "top", "--interval", "0.1"]
    watch(command, flag, signal.SIGINT, {}, True)
    watch(command, flag, signal.SIGTERM, {"NO_COLOR": "1"}, False)


main()
