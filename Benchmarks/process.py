"""A program run as a process of its own: wall-clock time, peak of resident memory, and when its steps ended."""

import json
import os
import pathlib
import subprocess
import threading
import time
from dataclasses import dataclass, field

POLL_SECONDS = 0.005


class BenchmarkError(Exception):
    """A failure that one sentence explains."""


@dataclass
class Outcome:
    started: float
    seconds: float
    # Processor seconds of all threads: on a busy machine, and with one thread, they say more than the clock.
    processor: float
    memory: int
    errors: str
    # The time at which each step's line was in the log.
    step_ends: list[float] = field(default_factory=list)


def run(command, environment, scratch, log=None):
    """Runs `command` to its end. `log` is a file that gets a line of JSON with `step` at the end of each step.

    The peak is what the kernel counts for the process itself (`ru_maxrss`), mapped files that it touched included.
    """
    command = [str(part) for part in command]
    if log:
        pathlib.Path(log).unlink(missing_ok=True)
    watch = StepWatch(log)
    with (scratch / "stdout").open("wb") as output, (scratch / "stderr").open("wb") as errors:
        started = time.time()
        process = subprocess.Popen(command, stdout=output, stderr=errors, env={**os.environ, **environment})
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.time() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    ends = watch.stop()
    said = (scratch / "stderr").read_text(errors="replace")
    if process.returncode != 0:
        raise BenchmarkError(f"`{' '.join(command)}` ended with status {process.returncode}:\n{said[-2000:]}")
    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return Outcome(started, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit, said, ends)


class StepWatch(threading.Thread):
    """Looks at a growing log every few milliseconds and notes when the line of each step appeared."""

    def __init__(self, log):
        super().__init__(daemon=True)
        self.log, self.ends, self.ended = log, [], threading.Event()

    def run(self):
        if not self.log:
            return
        position, rest = 0, b""
        while True:
            last = self.ended.is_set()
            try:
                if os.stat(self.log).st_size > position:
                    now = time.time()
                    with open(self.log, "rb") as file:
                        file.seek(position)
                        new = file.read()
                    position += len(new)
                    *whole, rest = (rest + new).split(b"\n")
                    self.ends += [now for line in whole if "learning_rate" in json.loads(line)]
            except FileNotFoundError:
                pass
            if last:
                return
            self.ended.wait(POLL_SECONDS)

    def stop(self):
        self.ended.set()
        self.join()
        return self.ends
