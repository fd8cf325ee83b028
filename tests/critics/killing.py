"""The proof that a killed run loses nothing and asks nothing twice: `python -m tests.critics.killing --kills 100`.

A run of `llava_critic` on a server is killed by SIGKILL at random moments and started again until it has answered all;
then the next one begins, until there were so many kills. What the server was asked is held against what the journal
held after each kill: an answer that was on disk is never asked for again, every answer in the end is the right one,
and nothing else is in the journal.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.critics.servers import Server, rule, serving

REQUESTS = 120
SECONDS_OF_A_REQUEST = 0.04


@dataclass
class Proof:
    """What came of the kills.

    Attributes:
        kills: how many there were.
        in_mid_judging: how many of them after the server's first answer to that process, and before its last.
        runs: how many runs were finished in between.
        unsaved: answers that the server gave to processes that were killed before these were on disk, and so were asked
            for again: under a second of work each time.
        faults: what must not be.
    """

    kills: int = 0
    in_mid_judging: int = 0
    runs: int = 0
    unsaved: int = 0
    faults: list[str] = field(default_factory=list)


def prove(kills: int, seed: int, folder: Path) -> Proof:
    """Kill runs so often, and look."""
    draws, proof = random.Random(seed), Proof()
    context = multiprocessing.get_context("forkserver")  # which imports what takes long once
    context.set_forkserver_preload(["critic_eval.lmms.models.llava_critic"])

    def answer(body: Any) -> dict[str, Any]:
        time.sleep(SECONDS_OF_A_REQUEST)
        return {"message": {"content": rule(body["messages"])}}

    with serving(answer=answer) as server:
        while proof.kills < kills:
            journal = folder / f"journal-{proof.runs}.sqlite"
            _one_run(context, server, journal, kills, draws, proof)
            journal.unlink()
    return proof


def _one_run(context: Any, server: Server, journal: Path, kills: int, draws: random.Random, proof: Proof) -> None:
    """Start a run again and again until it is done, and kill it each time before."""
    proof.runs += 1
    run = f"run {proof.runs}"
    while True:
        before, n_before, held = Counter(server.times), len(server.bodies), _texts(journal)
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_judge, args=(server.url, str(journal), run, theirs), daemon=True)
        process.start()
        theirs.close()
        if proof.kills < kills:
            if draws.random() < 0.7:
                _wait_for_answers(server, n_before + draws.randint(1, 80), process)
            time.sleep(draws.uniform(0.0, 0.3))
            n_answered = len(server.bodies)
            with suppress(ProcessLookupError):  # it may be done
                os.kill(process.pid, signal.SIGKILL)
        process.join(120)
        time.sleep(2 * SECONDS_OF_A_REQUEST)  # the server is done with what it was asked
        asked = Counter(server.times) - before
        proof.faults += [f"{text} was on disk, and asked again" for text in held & set(asked)]
        proof.faults += [f"{text} was asked {n} times by one process" for text, n in asked.items() if n > 1]
        if process.exitcode not in (0, -signal.SIGKILL):
            proof.faults.append(f"a process ended with {process.exitcode}")
            return
        if process.exitcode:
            proof.kills += 1
            kept = _texts(journal)
            proof.in_mid_judging += bool(asked) and len(kept) < REQUESTS and n_answered > n_before
            proof.unsaved += len(set(asked) - kept)
            if not held <= kept:
                proof.faults.append(f"{len(held - kept)} answers were lost")
            continue
        answers = ours.recv() if ours.poll(0) else None
        answers = ours.recv() if answers == "ready" else answers
        expected = [rule(_messages(n, run)) for n in range(REQUESTS)]
        if answers != expected:
            proof.faults.append("the answers are not the server's")
        if _texts(journal) != set(expected):
            proof.faults.append("the journal does not hold the answers")
        return


def _wait_for_answers(server: Server, number: int, process: Any) -> None:
    """Wait until the server has given so many answers, or the process is done."""
    while len(server.bodies) < number and process.is_alive():
        time.sleep(0.005)


def _messages(n: int, run: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": f"{run}, question {n}"}]}]


def _judge(url: str, journal: str, run: str, ready: Connection) -> None:
    """A run as lmms-eval has it, of texts alone; in a process of its own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # bars of progress

    from lmms_eval.api.instance import Instance

    from critic_eval.lmms.models.llava_critic import LlavaCritic

    critic = LlavaCritic(base_url=url, pretrained="the-model", journal=journal, concurrency=8)
    critic.task_dict = {"task": {"test": list(range(REQUESTS))}}
    requests = [
        Instance(
            "generate_until",
            ("", lambda n: _messages(n, run), {"max_new_tokens": 8, "until": []}, n, "task", "test"),
            0,
            metadata={"task": "task", "doc_id": n, "repeats": 1, "split": "test"},
        )
        for n in range(REQUESTS)
    ]
    ready.send("ready")
    ready.send([result.text for result in critic.generate_until(requests)])
    critic.clean()


def _texts(journal: Path) -> set[str]:
    """The texts of the answers that are on disk."""
    if not journal.exists():
        return set()
    with sqlite3.connect(journal) as db:
        tables = db.execute("SELECT name FROM sqlite_master").fetchall()
        rows = db.execute("SELECT json_extract(answer, '$.text') FROM answers").fetchall() if tables else []
    db.close()
    return {text for (text,) in rows}


def main() -> int:
    """Print what came of it; 1 if anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        proof = prove(args.kills, args.seed, Path(folder))
    print(proof)
    return 1 if proof.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
