"""Processes that outlive the command that started them, told apart from strangers that were given the same id later."""

import os
import pathlib
import select
import signal
import subprocess
import time


class NotOurs(Exception):
    """The process of that id was not started here."""


def boot_id():
    return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def stat_of(pid):
    """State and start time of a process, in the kernel's own words; None if there is none."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], fields[19]


class NodeProcess:
    """One process, remembered in a file as its id, its start time and the boot that both belong to."""

    def __init__(self, pid_file):
        self.pid_file = pathlib.Path(pid_file)

    def start(self, command, log):
        if self.pid() is not None:
            raise NotOurs(f"{self.pid_file}: its process {self.pid()} runs already")
        with open(log, "ab") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                       start_new_session=True)
        process.returncode = 0  # it outlives this command on purpose: nobody here waits for it
        stat = stat_of(process.pid)
        self.pid_file.write_text(f"{process.pid} {stat[1] if stat else 0} {boot_id()}\n")
        return process.pid

    def remembered(self):
        try:
            pid, started, boot = self.pid_file.read_text().split()
            return int(pid), started, boot
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise NotOurs(f"{self.pid_file}: not a file of this tool") from error

    def pid(self):
        """The id of the process while it lives, or None. A process that only has the same id is nobody's."""
        known = self.remembered()
        if known is None:
            return None
        pid, started, boot = known
        stat = stat_of(pid)
        if stat is None or stat[0] in "ZX" or stat[1] != started or boot != boot_id():
            return None
        return pid

    def state(self):
        pid = self.pid()
        if pid is None:
            return "down"
        return "paused" if stat_of(pid)[0] in "Tt" else "running"

    def signal(self, number):
        """Sends it to our process and to no other, even if it ends at this very moment."""
        pid = self.pid()
        if pid is None:
            raise NotOurs(f"{self.pid_file}: no process of ours runs")
        handle = os.pidfd_open(pid)
        try:
            if self.pid() != pid:
                raise NotOurs(f"{self.pid_file}: no process of ours runs")
            signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)

    def wait_ended(self, seconds):
        """Whether it has ended within that time."""
        pid = self.pid()
        if pid is None:
            return True
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            poller = select.poll()
            poller.register(handle, select.POLLIN)
            poller.poll(max(0, int(seconds * 1000)))
        finally:
            os.close(handle)
        return self.pid() is None


def until(condition, seconds, step=0.1):
    """Whether `condition` holds within that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(step)
    return True
