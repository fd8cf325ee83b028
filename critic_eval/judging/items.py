"""What is judged: a question about images, and the responses to it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Response:
    """A text to be judged, and who wrote it, where that is known."""

    text: str
    model: str | None = None


@dataclass(frozen=True)
class Item:
    """One thing to judge. The order of `responses` is the canonical one: labels and verdicts count from it.

    `images` are whatever the critic takes (PIL images or paths); `group` names the part of the benchmark that the item
    belongs to (a data set, a category); items made of the same material (all pairs of one question's responses) share
    a `cluster`. `context` says in words what the images show, for protocols of judges without eyes.
    """

    id: str
    question: str
    responses: tuple[Response, ...]
    images: tuple[Any, ...] = ()
    reference: str | None = None
    rubric: str | None = None
    group: str | None = None
    cluster: str | None = None
    context: str | None = None

    def texts(self) -> dict[str, Any]:
        """What there is to read of it, as a dict that JSON can hold: responses in canonical order.

        >>> Item("7", "How many?", (Response("Two"), Response("Three"))).texts()
        {'question': 'How many?', 'responses': ['Two', 'Three']}
        """
        others = {"reference": self.reference, "rubric": self.rubric, "context": self.context}
        return {
            "question": self.question,
            "responses": [response.text for response in self.responses],
            **{name: text for name, text in others.items() if text is not None},
        }
