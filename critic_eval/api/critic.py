"""A critic in a notebook: it scores, compares and ranks responses, one item at a time or many at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from critic_eval.api.asking import Questions
from critic_eval.api.images import listed_images
from critic_eval.api.items import Kind, Orders, Question, check_choices, make_question, read_item
from critic_eval.api.reading import read_result
from critic_eval.api.results import Compared, Ranked, Result, Scored, Unjudged
from critic_eval.critics.answer_policy import AnswerPolicy
from critic_eval.critics.answering import answer_plan
from critic_eval.critics.cards.using import CardUse
from critic_eval.critics.engines.arguments import refuse_about_text
from critic_eval.critics.engines.opening import EngineArguments, OpenEngine, open_engine
from critic_eval.critics.image_store import ImageStore
from critic_eval.critics.journal import Journal, RequestKeys, opened_journal
from critic_eval.critics.planning import make_plan
from critic_eval.errors import ArgumentError, CriticEvalError
from critic_eval.judging import Item, Response
from critic_eval.judging.protocols import protocol_family

if TYPE_CHECKING:
    from types import TracebackType

_PLAIN = AnswerPolicy()


class Critic:
    """A loaded critic. Make one with `load_critic`; close it, or use it in a `with` block, to free what it holds.

    Every image may be a path, a PIL image, the bytes of a file, a numpy array (uint8, or floats from 0 to 1), a list
    of these, None, and with `allow_urls` an address. Answers are greedy: the same question gets the same answer. A
    critic with a reward head rates each response by itself, without a prompt and so without protocols or orders.

    Args:
        arguments: of the engine.
        protocol: the protocol, or family of protocols, that asks where a call names none.
        journal: file that keeps every answer; it is open while a call runs, and free for other runs in between.
        card: what is known of the critic's family.
        policy: what is wanted of each answer.
        allow_urls: whether images at http and https addresses are fetched.
    """

    def __init__(
        self,
        arguments: EngineArguments,
        *,
        protocol: str | None = None,
        journal: Path | None = None,
        card: CardUse | None = None,
        policy: AnswerPolicy = _PLAIN,
        allow_urls: bool = False,
    ) -> None:
        if protocol is not None:
            protocol_family(protocol)
        self._arguments, self._protocol, self._journal_file = arguments, protocol, journal
        self._card, self._policy, self._allow_urls = card, policy, allow_urls
        with self._journal():
            self._engine: OpenEngine | None = open_engine(arguments)
        try:
            if card is not None:
                card.check_head(self._engine.gives_rewards)
            if self._engine.gives_rewards:
                refuse_about_text("this critic", {"protocol": protocol})
        except ArgumentError:
            self.close()
            raise

    @property
    def signature(self) -> Mapping[str, str]:
        """What is said of the critic beside its figures: checkpoint, digest of weights, dtype, quantization, card."""
        of_card = {} if self._card is None else self._card.settings
        return {**self._opened().signature, **of_card, **self._policy.settings}

    def score(
        self,
        image: Any,
        question: str,
        response: str,
        *,
        reference: str | None = None,
        rubric: str | None = None,
        protocol: str | None = None,
        probabilities: bool = False,
    ) -> Scored:
        """Score one response.

        Args:
            image: what the question is about.
            question: what was asked.
            response: what is scored.
            reference: a right answer, for protocols that show one.
            rubric: what scores mean, for protocols that show it.
            protocol: a protocol or a family of them, instead of the critic's.
            probabilities: read the expected score off the critic's probabilities, without any text: faster, finer, and
                with its probability. Not every protocol allows it.

        Raises:
            ArgumentError: the question can't be asked this way.
            ImageError: the image can't be opened.
            DataError: the protocol needs a reference or a rubric.
        """
        item = _item(image, question, [response], reference, rubric)
        return self._one(item, "score", protocol, probabilities, "both")  # type: ignore[return-value]  # as kind says

    def compare(
        self,
        image: Any,
        question: str,
        a: str,
        b: str,
        *,
        orders: Orders = "both",
        reference: str | None = None,
        rubric: str | None = None,
        protocol: str | None = None,
        probabilities: bool = False,
    ) -> Compared:
        """Tell which of two responses is better: asked in both orders, a response wins where it wins in both.

        Args:
            image: what the question is about.
            question: what was asked.
            a: a response.
            b: another.
            orders: `both`, or `single`: with `a` first only, in half the time and with whatever bias that brings.
            reference: a right answer, for protocols that show one.
            rubric: what is to be judged by, for protocols that show it.
            protocol: a protocol or a family of them, instead of the critic's.
            probabilities: read the verdict off the critic's probabilities, averaged over the orders, without any text.

        Raises:
            ArgumentError: the question can't be asked this way.
            ImageError: the image can't be opened.
            DataError: the protocol needs a reference or a rubric.
        """
        item = _item(image, question, [a, b], reference, rubric)
        return self._one(item, "compare", protocol, probabilities, orders)  # type: ignore[return-value]  # as kind says

    def rank(
        self,
        image: Any,
        question: str,
        responses: Sequence[str],
        *,
        reference: str | None = None,
        rubric: str | None = None,
        protocol: str | None = None,
    ) -> Ranked:
        """Rank 2 to 26 responses, shown in the order in which they are given.

        Args:
            image: what the question is about.
            question: what was asked.
            responses: what is ranked.
            reference: a right answer, for protocols that show one.
            rubric: what is to be judged by, for protocols that show it.
            protocol: a protocol or a family of them, instead of the critic's.

        Raises:
            ArgumentError: the question can't be asked this way.
            ImageError: the image can't be opened.
            DataError: the protocol needs a reference or a rubric.
        """
        if isinstance(responses, str):
            raise ArgumentError("responses is a single text; give a list of at least two.")
        item = _item(image, question, responses, reference, rubric)
        return self._one(item, "rank", protocol, False, "both")  # type: ignore[return-value]  # as kind says

    def judge(
        self,
        items: Iterable[Item | Mapping[str, Any]],
        *,
        kind: Kind | None = None,
        orders: Orders = "both",
        protocol: str | None = None,
        probabilities: bool = False,
        strict: bool = False,
        progress: bool = True,
    ) -> list[Result]:
        """Judge many items at once: planned together, each distinct question asked once, in full batches.

        Args:
            items: dicts with `question`, `responses` (or one `response`), `image` or `images`, and perhaps `id`,
                `kind`, `reference`, `rubric` and `context`; or `critic_eval.judging.Item`s.
            kind: `score`, `compare` or `rank` for items that don't say it; by default one response is scored, two are
                compared, and more are ranked.
            orders: in which orders pairs are shown, `both` or `single`.
            protocol: a protocol or a family of them, instead of the critic's.
            probabilities: read verdicts off the critic's probabilities, without any text.
            strict: raise for the first item that can't be asked about, instead of giving `Unjudged` for it.
            progress: show a bar.

        Returns:
            A result for each item, in their order.

        Raises:
            ArgumentError: an argument is unfit; with `strict` also an item.
            ImageError: with `strict`, an item can't be shown.
            ServerError: no server answers any more. What was answered is in the journal.
        """
        check_choices(kind, orders)
        if protocol is not None:
            protocol_family(protocol)
        self._check_mode(probabilities)
        asked_by = {"protocol": protocol or self._protocol, "card": self._card}
        rewards = self._opened().gives_rewards
        settings = {**asked_by, "probabilities": probabilities, "orders": orders, "rewards": rewards}
        made = [_question(given, number, kind, settings, strict) for number, given in enumerate(items)]
        questions = {number: question for number, question in enumerate(made) if isinstance(question, Question)}
        results = self._ask(questions, strict, progress)
        return [question if isinstance(question, Unjudged) else results[number] for number, question in enumerate(made)]

    def close(self) -> None:
        """Free what the critic holds; it can't be asked any more. Doing it twice changes nothing."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def __enter__(self) -> Critic:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._engine is None else self._engine.signature["checkpoint"]
        return f"<Critic {state}{'' if self._protocol is None else f', protocol {self._protocol}'}>"

    def _one(self, item: Item, kind: Kind, protocol: str | None, probabilities: bool, orders: Orders) -> Result:
        check_choices(kind, orders)
        read_item(item, 0)
        self._check_mode(probabilities)
        asked_by = protocol or self._protocol
        question = make_question(
            item,
            kind,
            asked_by,
            probabilities=probabilities,
            orders=orders,
            card=self._card,
            rewards=self._opened().gives_rewards,
        )
        return self._ask({0: question}, is_strict=True, has_bar=False)[0]

    def _ask(self, questions: Mapping[int, Question], is_strict: bool, has_bar: bool) -> dict[int, Result]:
        engine = self._opened()
        asked = Questions(questions, self._policy, self._allow_urls, is_strict)
        images = ImageStore(asked.images)
        requests = iter(tqdm(asked.asked(), desc="Planning", unit=" requests", delay=5, disable=not has_bar))
        with self._journal() as journal:
            plan = make_plan(requests, RequestKeys(engine.identity), journal, images.keep)
            answers = answer_plan(plan, engine, images, journal, is_silent=not has_bar or not plan.requests)
        results: dict[int, Result] = {number: Unjudged(reason) for number, reason in asked.failures.items()}
        for number, given in asked.answers(answers):
            results[number] = read_result(questions[number], given, self._policy)
        return results

    def _check_mode(self, probabilities: bool) -> None:
        card = None if self._card is None else self._card.card
        if probabilities and card is not None and card.thinks:
            raise ArgumentError(
                f"{card.name} thinks before it answers, so that its first words don't tell its verdict; leave out "
                "probabilities."
            )

    def _opened(self) -> OpenEngine:
        if self._engine is None:
            raise ArgumentError("This critic is closed; load it again with load_critic.")
        if self._engine.is_closed:  # by an error, or by who interrupted a call
            self._engine = open_engine(self._arguments)
        return self._engine

    def _journal(self) -> AbstractContextManager[Journal | None]:
        """Open while a call runs, and free for other runs in between."""
        return opened_journal(self._journal_file)


def _question(
    given: Item | Mapping[str, Any], number: int, kind: Kind | None, settings: dict[str, Any], is_strict: bool
) -> Question | Unjudged:
    """What is asked of an item, or why nothing can be."""
    try:
        item, named = read_item(given, number)
        return make_question(item, named or kind, **settings)
    except CriticEvalError as error:
        if is_strict:
            raise
        return Unjudged(str(error))


def _item(image: Any, question: str, responses: Sequence[str], reference: str | None, rubric: str | None) -> Item:
    shown = tuple(Response(text) for text in responses)
    return Item("0", question, shown, listed_images(image), reference=reference, rubric=rubric)
