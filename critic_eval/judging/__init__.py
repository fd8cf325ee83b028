"""Items, verdicts and judgments; the protocols that ask for a verdict and read it."""

from critic_eval.judging.orders import (
    OrderPolicy,
    average_orders,
    canonical_indices,
    identity_order,
    orders,
    reversed_order,
    to_canonical,
    to_presented,
)
from critic_eval.judging.parsing.places import VerdictPosition
from critic_eval.judging.parsing.preference import parse_preference
from critic_eval.judging.parsing.ranking import parse_ranking
from critic_eval.judging.parsing.reading import Parsed
from critic_eval.judging.parsing.score import parse_score, parse_two_scores
from critic_eval.judging.pooling import Pooled, PoolingRule, pool_verdicts
from critic_eval.judging.protocol import Parser, Protocol, VerdictForm
from critic_eval.judging.protocols import get_protocol, protocol_names, register_protocol, token_limit
from critic_eval.judging.records import Confidence, ConfidenceSource, Item, Judgment, MemberVerdict, Response
from critic_eval.judging.stated_verdicts import (
    read_stated,
    state_expected_score,
    state_likeliest_preference,
    state_verdict,
)
from critic_eval.judging.verdict_form import Reading, verdict_form
from critic_eval.judging.verdicts import (
    Invalid,
    Label,
    LabelKind,
    Preference,
    Ranking,
    Score,
    Scores,
    Verdict,
    VerdictKind,
    read_label,
    read_verdict,
)

__all__ = [
    "Confidence",
    "ConfidenceSource",
    "Invalid",
    "Item",
    "Judgment",
    "Label",
    "LabelKind",
    "MemberVerdict",
    "OrderPolicy",
    "Parsed",
    "Parser",
    "Pooled",
    "PoolingRule",
    "Preference",
    "Protocol",
    "Ranking",
    "Reading",
    "Response",
    "Score",
    "Scores",
    "Verdict",
    "VerdictForm",
    "VerdictKind",
    "VerdictPosition",
    "average_orders",
    "canonical_indices",
    "get_protocol",
    "identity_order",
    "orders",
    "parse_preference",
    "parse_ranking",
    "parse_score",
    "parse_two_scores",
    "pool_verdicts",
    "protocol_names",
    "read_label",
    "read_stated",
    "read_verdict",
    "register_protocol",
    "reversed_order",
    "state_expected_score",
    "state_likeliest_preference",
    "state_verdict",
    "to_canonical",
    "to_presented",
    "token_limit",
    "verdict_form",
]
