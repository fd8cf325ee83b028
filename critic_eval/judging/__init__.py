"""Items, verdicts and judgments; the protocols that ask for a verdict and read it."""

from critic_eval.judging.catalog import get_protocol, protocol_names
from critic_eval.judging.items import Item, Response
from critic_eval.judging.judgments import Judgment
from critic_eval.judging.orders import (
    OrderPolicy,
    canonical_indices,
    identity_order,
    orders,
    reversed_order,
    to_canonical,
    to_presented,
)
from critic_eval.judging.places import VerdictPosition
from critic_eval.judging.preferences import parse_preference
from critic_eval.judging.protocols import Parser, Protocol
from critic_eval.judging.rankings import parse_ranking
from critic_eval.judging.reading import Parsed
from critic_eval.judging.readings import Reading, VerdictForm, debiased, verdict_form
from critic_eval.judging.scores import parse_score, parse_two_scores
from critic_eval.judging.selection import select_orders, select_protocol
from critic_eval.judging.stated import read_stated, state_verdict
from critic_eval.judging.verdicts import Label, LabelKind, Verdict, VerdictKind

__all__ = [
    "Item",
    "Judgment",
    "Label",
    "LabelKind",
    "OrderPolicy",
    "Parsed",
    "Parser",
    "Protocol",
    "Reading",
    "Response",
    "Verdict",
    "VerdictForm",
    "VerdictKind",
    "VerdictPosition",
    "canonical_indices",
    "debiased",
    "get_protocol",
    "identity_order",
    "orders",
    "parse_preference",
    "parse_ranking",
    "parse_score",
    "parse_two_scores",
    "protocol_names",
    "read_stated",
    "reversed_order",
    "select_orders",
    "select_protocol",
    "state_verdict",
    "to_canonical",
    "to_presented",
    "verdict_form",
]
