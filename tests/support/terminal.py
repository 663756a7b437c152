"""Runs a command as at a terminal, and types when it is asked: terminal.py ANSWERS COMMAND...

ANSWERS are lines with | between them: the first for the first question ("[y/N]"), the last for all
that come after. What is told, and is typed, goes to stdout; it ends as the command does. A shell
command in FFSHM_MEANWHILE is run once, before the first answer is typed.
"""
import os
import pty
import re
import subprocess
import sys

QUESTION = re.compile(rb"\[[a-zA-Z](/[a-zA-Z])+\]")


def main():
    answers = sys.argv[1].split("|")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.argv[2], sys.argv[2:])
    told = b""
    asked = 0
    while True:
        try:
            more = os.read(terminal, 4096)
        except OSError:
            more = b""
        if not more:
            break
        told += more
        while len(QUESTION.findall(told)) > asked:
            if asked == 0:
                subprocess.run(os.environ.get("FFSHM_MEANWHILE", ""), shell=True, check=True)
            os.write(terminal, answers[min(asked, len(answers) - 1)].encode() + b"\n")
            asked += 1
    os.write(1, told)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


sys.exit(main())
