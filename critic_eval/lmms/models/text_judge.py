"""What judges without a model share: lmms-eval's interface, and arguments that are checked by name."""

import inspect
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from lmms_eval.api.instance import GenerationResult, Instance
from lmms_eval.api.model import lmms

from critic_eval.critics.engines.arguments import refuse_unknown
from critic_eval.errors import ArgumentError
from critic_eval.lmms.choices import select_card


class TextJudge(lmms):  # type: ignore[misc]
    """An lmms-eval model that answers each request by itself, without its images."""

    is_simple = False
    IGNORED = ("batch_size", "max_batch_size", "device")
    """What lmms-eval's command line gives to every model."""

    def __init__(self, unknown: Mapping[str, Any]) -> None:
        super().__init__()
        refuse_arguments(type(self), [name for name in unknown if name not in self.IGNORED])
        select_card(None)  # of a critic that was asked before in this process

    @abstractmethod
    def answer(self, request: Instance, document: Mapping[str, Any]) -> str:
        """The answer to a request about a document."""

    def generate_until(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        """Answer every request, in their order."""
        answers = []
        for request in requests:
            _, _, _, doc_id, task, split = request.args
            answers.append(GenerationResult(self.answer(request, self.task_dict[task][split][doc_id]), None))
        return answers

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """Refuse: a judge answers in text."""
        raise ArgumentError("A judge answers generate_until tasks only; this task asks for log-likelihoods.")

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> list[str]:
        """Refuse: a judgment is one turn."""
        raise ArgumentError("A judge answers generate_until tasks only; this task asks for several rounds.")


def refuse_arguments(model: type, unknown: Sequence[str]) -> None:
    """Raise ArgumentError for an argument that a model does not take, with the names that are near."""
    known = [name for name in inspect.signature(model).parameters if name != "unknown"]
    refuse_unknown(_MODEL_NAMES.get(model.__name__, model.__name__), known, unknown)


_MODEL_NAMES = {"LlavaCritic": "llava_critic", "RecordedJudge": "recorded_judge", "PlantedJudge": "planted_judge"}
