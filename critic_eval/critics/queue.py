"""Requests in line for a critic: what the journal holds is not asked again, and what comes twice is asked once."""

from collections.abc import Iterable, Iterator

from critic_eval.critics.conversations import Conversation
from critic_eval.critics.generation import Answer, GenerationSettings
from critic_eval.critics.journal import Journal, RequestKeys


class Queue:
    """The requests of one run that share their settings.

    Attributes:
        answers: what is answered so far, by the requests' indices.
    """

    def __init__(
        self,
        conversations: Iterable[tuple[int, Conversation]],
        settings: GenerationSettings,
        keys: RequestKeys,
        journal: Journal | None,
    ) -> None:
        self.answers: dict[int, Answer] = {}
        self._conversations, self._settings, self._keys, self._journal = conversations, settings, keys, journal
        self._asked: list[bytes] = []
        self._waiting: dict[bytes, list[int]] = {}
        self._known: dict[bytes, Answer] = {}

    def unanswered(self) -> Iterator[Conversation | None]:
        """Conversations to answer, in order; None for one that needs no answer of its own."""
        for index, conversation in self._conversations:
            key = self._keys.key(conversation, self._settings)
            known = self._known.get(key) or (self._journal.get(key) if self._journal is not None else None)
            if known is not None:
                self.answers[index] = known
                yield None
            elif key in self._waiting:
                self._waiting[key].append(index)
                yield None
            else:
                self._waiting[key] = [index]
                self._asked.append(key)
                yield conversation

    def answer(self, position: int, answer: Answer) -> None:
        """Take the answer to the conversation of this position among those that were given out."""
        key = self._asked[position]
        self._known[key] = answer
        for index in self._waiting.pop(key):
            self.answers[index] = answer
        if self._journal is not None:
            self._journal.add(key, answer)
