"""A journal gives back what was kept in it, to the same request and to no other, and survives being killed."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from critic_eval.critics.conversations import Conversation, Message
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.critics.images import digest_image
from critic_eval.critics.journal import Journal, RequestKeys
from critic_eval.errors import DataError

ANSWER = Answer("The better response: [first]\nBecause “it” is.", 100, 9, 0.25)
GREEDY = GenerationSettings(16)
SAMPLED = GenerationSettings(16, options=(("do_sample", True), ("temperature", 0.2)))


def key(keys: RequestKeys, conversation: Conversation, settings: GenerationSettings) -> bytes:
    contents = [
        [part if isinstance(part, str) else SimpleNamespace(digest=digest_image(part)) for part in message.content]
        for message in conversation
    ]
    return keys.key([message.role for message in conversation], contents, settings)


def talk(text: str = "Which?", color: str = "red") -> Conversation:
    return [Message("user", (Image.new("RGB", (4, 4), color), text))]


def test_an_answer_comes_back_in_this_run_and_the_next(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "deep" / "answers.sqlite")
    journal.add(b"1", ANSWER)
    assert journal.get(b"1") == ANSWER
    assert journal.get(b"2") is None
    journal.close()
    again = Journal(tmp_path / "deep" / "answers.sqlite")
    assert (again.get(b"1"), len(again)) == (ANSWER, 1)


def test_keys_tell_apart_critic_prompt_image_and_settings() -> None:
    keys = RequestKeys({"name": "a", "digest": "1"})
    one = key(keys, talk(), GREEDY)
    assert one == key(keys, talk(), GREEDY) == key(RequestKeys({"name": "a", "digest": "1"}), talk(), GREEDY)
    others = [
        key(RequestKeys({"name": "a", "digest": "2"}), talk(), GREEDY),
        key(keys, talk("Who?"), GREEDY),
        key(keys, talk(color="blue"), GREEDY),
        key(keys, talk(), replace(GREEDY, max_new_tokens=17)),
        key(keys, talk(), replace(GREEDY, until=("\n",))),
        key(keys, [Message("system", ("Which?",)), *talk()], GREEDY),
    ]
    assert len({one, *others}) == 7


def test_a_sampled_request_that_comes_again_is_another_draw() -> None:
    keys, next_run = RequestKeys({}), RequestKeys({})
    drawn = [key(keys, talk(), SAMPLED) for _ in range(3)]
    assert len(set(drawn)) == 3
    assert drawn == [key(next_run, talk(), SAMPLED) for _ in range(3)]


def test_two_runs_exclude_each_other(tmp_path: Path) -> None:
    first = Journal(tmp_path / "a.sqlite")
    with pytest.raises(DataError, match="Another run is using the journal"):
        Journal(tmp_path / "a.sqlite")
    first.close()
    Journal(tmp_path / "a.sqlite").close()


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_text("something else " * 100)
    with pytest.raises(DataError, match="is not a journal"):
        Journal(tmp_path / "a.sqlite")


def test_what_was_saved_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from critic_eval.critics.generation import Answer\n"
        "from critic_eval.critics.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]))\n"
        "n = 0\n"
        "while True:\n"
        "    journal.add(n.to_bytes(4, 'big'), Answer(str(n), 1, 1, 0.0)); n += 1\n"
        "    if n == 640: print('ready', flush=True)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "a.sqlite")], stdout=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stdout.readline() == b"ready\n"
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    run.stdout.close()
    journal = Journal(tmp_path / "a.sqlite")
    kept = len(journal)
    assert kept >= 640
    for n in range(kept):
        found = journal.get(n.to_bytes(4, "big"))
        assert found is not None
        assert found.text == str(n)
