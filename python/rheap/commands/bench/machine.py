"""On what it was measured, and with which libraries."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import dataclass, field

from ... import __version__

LIBRARIES = ("numpy", "pyarrow")  # optional, compared where they are installed
_STEERING = {"LD_PRELOAD", "GLIBC_TUNABLES", "PYTHONMALLOC", "MALLOC_CONF"}


def processor() -> str:
    """The model of the CPU, as the system names it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            models = [line.partition(":")[2] for line in file if line.startswith("model name")]
    except OSError:
        models = []
    return models[0].strip() if models else platform.processor() or platform.machine()


def libc() -> str:
    """The C library whose malloc Python uses, such as "glibc"."""
    return platform.libc_ver()[0] or "libc"


def version_of(library: str) -> str | None:
    """The version of an installed library; None for one that is not there."""
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def plain_environment() -> dict[str, str]:
    """The environment, without what chooses an allocator."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _STEERING and not name.startswith("MALLOC_")
    }


def available_bytes() -> int:
    """Bytes of memory that this process could still take without harm."""
    with open("/proc/meminfo") as file:
        fields = dict(line.split(":") for line in file)
    free = int(fields["MemAvailable"].split()[0]) * 1024
    try:
        with (
            open("/sys/fs/cgroup/memory.max") as limit,
            open("/sys/fs/cgroup/memory.current") as used,
        ):
            return min(free, int(limit.read()) - int(used.read()))
    except (OSError, ValueError):  # no such cgroup, or no limit ("max")
        return free


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine of this run."""

    rheap: str = __version__
    python: str = field(default_factory=platform.python_version)
    processor: str = field(default_factory=processor)
    cores: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    load: float = field(default_factory=lambda: os.getloadavg()[0])  # before this run
    system: str = field(default_factory=lambda: f"{platform.system()} {platform.release()}")
    libc: str = field(default_factory=lambda: " ".join(platform.libc_ver()))
    libraries: dict[str, str | None] = field(
        default_factory=lambda: {name: version_of(name) for name in LIBRARIES}
    )

    def __str__(self) -> str:
        there = [f"{name} {version}" for name, version in self.libraries.items() if version]
        missing = [name for name, version in self.libraries.items() if not version]
        text = (
            f"rheap {self.rheap} on {self.processor}, {self.cores} cores, load {self.load:.1f}; "
            f"Python {self.python}, {', '.join([self.libc, *there])}."
        )
        if missing:
            text += f" Not installed, so not compared: {', '.join(missing)}."
        return text
