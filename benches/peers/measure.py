"""One process, watched: what it printed, and how much of the machine something else used meanwhile."""
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass


@dataclass
class Window:
    output: str
    errors: str
    code: int
    # The part of the machine's time that other processes, or other machines on the same host, took.
    foreign: float


def busy():
    """Seconds for which the machine's processors have worked, or were taken away, since it started."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def watch(command, timeout):
    """Runs a command to its end, or kills it after `timeout` seconds (its code is then -9)."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        before, start = busy(), time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True)
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - start > timeout:
                os.killpg(process.pid, 9)
            time.sleep(0.05)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - start
        own = usage.ru_utime + usage.ru_stime
        foreign = max(0.0, busy() - before - own) / (seconds * os.cpu_count())
        output.seek(0)
        errors.seek(0)
        return Window(output.read(), errors.read(), process.returncode, foreign)
