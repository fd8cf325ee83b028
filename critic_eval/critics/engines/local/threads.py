"""How a CPU's cores are used: threads that sleep while they wait, and the choice of threads and processes by trial.

Nothing heavy is imported here: what lets threads sleep must be set before torch is imported.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass

SLEEPING = {"GOMP_SPINCOUNT": "2000", "KMP_BLOCKTIME": "0"}
"""For GNU's and for LLVM's and Intel's OpenMP, which read these when torch loads them.

GNU's spins for some microseconds: to sleep at once makes the random critic of size small slower by a tenth with two
idle CPUs, and to spin for ten times as long more than halves the rate of the embedded one beside a busy process.
"""
_ABOUT_WAITING = (*SLEEPING, "OMP_WAIT_POLICY")
GIVEN = "OMP_NUM_THREADS"
"""The variable by which a user chooses the threads."""

TINY = 5_000_000
"""Parameters up to which one thread is as fast as several, whose work has too small pieces to be shared.

Up to here processes of one thread each are tried. On two CPUs they double the rate of the embedded critic, of 1.7
million, and are a quarter slower than two threads with a random one of 11 million: each has batches of its own, which
no longer fit in the caches together.
"""
MOST_PROCESSES = 16
TOLERANCE = 0.05
"""Of the highest rate: what fewer CPUs may be slower by and still be chosen, since rates are not measured better."""
_BUSY = 0.5


def let_waiting_threads_sleep(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let OpenMP's threads sleep while they wait, unless the user said how they wait; before torch is imported.

    By default they spin, and beside another busy process take the CPU from the very thread that they wait for.
    """
    if not any(name in environment for name in _ABOUT_WAITING):
        environment.update(SLEEPING)


@dataclass(frozen=True)
class Choice:
    """A number of processes, this one included, and the threads of each: one, where there are several."""

    processes: int = 1
    threads: int = 1

    @property
    def cpus(self) -> int:
        """CPUs that it keeps busy."""
        return self.processes * self.threads

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return threads if self.processes == 1 else f"{self.processes} processes of {threads} each"


@dataclass(frozen=True)
class Measured:
    """How fast a choice was.

    Attributes:
        choice: what was measured.
        rate: work in a second, in any unit that all of a trial share.
        requests: requests a second, to be shown.
        busy: CPUs' worth of time that others took meanwhile.
    """

    choice: Choice
    rate: float
    requests: float
    busy: float = 0.0


def choices(cpus: int, parameters: int, threads: int | None = None, processes: int | None = None) -> list[Choice]:
    """What there is to choose from: what to begin with, and what to try after it.

    Args:
        cpus: CPUs that may be used.
        parameters: of the model.
        threads: as asked for; None to choose. Several processes have one each.
        processes: as asked for; None to choose.

    >>> [str(choice) for choice in choices(2, 1_700_000)]
    ['1 thread', '2 processes of 1 thread each']
    >>> [str(choice) for choice in choices(8, 7_000_000_000)]
    ['8 threads']
    """
    if processes is not None and processes > 1:
        return [Choice(processes)]
    begin = Choice(1, threads or (1 if parameters <= TINY else cpus))
    most = min(MOST_PROCESSES, cpus)
    if processes is None and threads in (None, 1) and parameters <= TINY and most > 1:
        return [begin, Choice(most)]
    return [begin]


def beside_others(choice: Choice, cpus: int, busy: float) -> Choice | None:
    """Fewer threads to try where others keep CPUs busy that a choice of threads counts on; None where they don't.

    Args:
        choice: what was measured.
        cpus: CPUs that may be used.
        busy: CPUs' worth of time that others took meanwhile.
    """
    fewer = max(1, cpus - round(busy))
    return Choice(1, fewer) if choice.processes == 1 and busy >= _BUSY and fewer < choice.threads else None


def best(measured: Sequence[Measured]) -> Measured:
    """The one that takes the fewest CPUs of those that are as fast as the fastest, within the tolerance."""
    enough = max(one.rate for one in measured) * (1 - TOLERANCE)
    return min((one for one in measured if one.rate >= enough), key=lambda one: (one.choice.cpus, -one.rate))


def told(chosen: Measured, measured: Sequence[Measured]) -> str:
    """One line on a choice and what it was chosen over.

    >>> one, two = Measured(Choice(), 3.0, 24.2), Measured(Choice(2), 5.0, 38.4)
    >>> told(two, [one, two])
    '2 processes of 1 thread each, measured: 38.4 requests/s against 24.2 with 1 thread'
    """
    others = [f"{other.requests:.3g} with {other.choice}" for other in measured if other.choice != chosen.choice]
    against = f" against {', '.join(others)}" if others else ""
    return f"{chosen.choice}, measured: {chosen.requests:.3g} requests/s{against}"
