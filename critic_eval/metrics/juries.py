"""A jury: its members, what they come to together, how far they agree, and what each one adds.

All of it is computed from judgments that keep what each member said (`Judgment.members`), so that a report can be made
anew at any time, by any rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from critic_eval.errors import ArgumentError
from critic_eval.judging import Judgment, MemberVerdict, PoolingRule, get_protocol, pool_verdicts, protocol_names
from critic_eval.judging.pooling import tolerance_of
from critic_eval.metrics.agreement import Level
from critic_eval.metrics.figures import Figure, applies, compute_figure, figure_of
from critic_eval.metrics.labeled import last_score, preference_code
from critic_eval.metrics.paired import Comparison, agreement_figures, compare
from critic_eval.metrics.raters import alpha_statistic
from critic_eval.metrics.registry import FIGURES
from critic_eval.metrics.statistic import InvalidPolicy, cluster_of

ALPHA = "krippendorff_alpha"


@dataclass(frozen=True)
class JuryRule:
    """How the members' verdicts become one; `weights` has one for each member where the rule is `weighted`."""

    name: PoolingRule = "majority"
    weights: tuple[float, ...] | None = None

    def without(self, index: int) -> "JuryRule":
        """The rule of the jury without a member."""
        if self.weights is None:
            return self
        return replace(self, weights=(*self.weights[:index], *self.weights[index + 1 :]))


@dataclass(frozen=True)
class Member:
    """One member: its figures; the jury's less its own; and the jury's less those of the jury without it."""

    critic: str
    invalid: int
    figures: list[Figure]
    gains: list[Comparison]
    worth: list[Comparison]


@dataclass(frozen=True)
class PairAgreement:
    """How far two members agree, or all of them (`critics` is then all)."""

    critics: tuple[str, ...]
    figure: Figure


@dataclass(frozen=True)
class JuryReport:
    """A jury, member by member; `figures` are those of the whole jury."""

    rule: JuryRule
    figures: list[Figure]
    members: list[Member]
    agreement: list[PairAgreement]


def pool_members(judgment: Judgment, members: Sequence[MemberVerdict], rule: JuryRule) -> Judgment:
    """The judgment of a jury whose members said this of what a judgment is on, in its coordinates."""
    scale = get_protocol(judgment.protocol).scale if judgment.protocol in protocol_names() else None
    pooled = pool_verdicts([member.verdict for member in members], rule.name, rule.weights, tolerance_of(scale))
    source = None if pooled.confidence is None else "members"
    return replace(
        judgment,
        verdict=pooled.verdict,
        confidence=pooled.confidence,
        confidence_from=source,  # type: ignore[arg-type]  # a ternary of a literal is text
        members=tuple(members),
    )


def members_of(judgments: Sequence[Judgment]) -> list[str]:
    """The names of a jury's members. Raises ArgumentError where there are none, or not the same everywhere."""
    names = {tuple(member.critic for member in judgment.members) for judgment in judgments}
    if len(names) != 1 or names == {()}:
        raise ArgumentError(
            "These judgments don't say what the members of a jury said; give the runs of its members instead."
            if names <= {()}
            else "These judgments are of juries with different members; give the runs of one."
        )
    return list(names.pop())


def numbered(names: Sequence[str]) -> list[str]:
    """Names of members, with a number behind those that come more than once.

    >>> numbered(["a", "b", "a"])
    ['a#1', 'b', 'a#2']
    """
    return [
        f"{name}#{names[: index + 1].count(name)}" if names.count(name) > 1 else name
        for index, name in enumerate(names)
    ]


def jury_report(
    judgments: Sequence[Judgment],
    names: Sequence[str],
    policy: InvalidPolicy = "exclude",
    rule: JuryRule = JuryRule(),
    resamples: int = 1000,
    seed: int = 0,
) -> JuryReport:
    """Report a jury from judgments that keep what its members said.

    Args:
        judgments: of the jury; what they were pooled to is not looked at.
        names: of the figures that are wanted, the most important first; those that don't apply are left out.
        policy: what becomes of invalid verdicts.
        rule: how the members are pooled.
        resamples: bootstrap resamples.
        seed: of the bootstrap.

    Raises:
        ArgumentError: members are not known, or not the same in all judgments; or as `compute_figure`.
    """
    critics = members_of(judgments)
    jury = [pool_members(judgment, judgment.members, rule) for judgment in judgments]
    wanted = [name for name in names if applies(name, jury) is None]
    compared = [name for name in wanted if FIGURES.get(name).higher_is_better is not None]

    def figures(judged: Sequence[Judgment]) -> list[Figure]:
        return [compute_figure(name, judged, policy, resamples, seed) for name in wanted]

    def differences(judged: Sequence[Judgment]) -> list[Comparison]:
        return [compare(name, jury, judged, policy, max(resamples, 2), seed) for name in compared]

    of_members = [_judged_by(judgments, index) for index in range(len(critics))]
    members = []
    for index, (critic, judged) in enumerate(zip(critics, of_members, strict=True)):
        invalid = sum(not judgment.verdict.is_valid for judgment in judged)
        without = [_without(judgment, index, rule) for judgment in judgments] if len(critics) > 1 else []
        worth = differences(without) if without else []
        members.append(Member(critic, invalid, figures(judged), differences(judged), worth))
    return JuryReport(rule, figures(jury), members, _agreement(critics, of_members, resamples, seed))


def _judged_by(judgments: Sequence[Judgment], index: int) -> list[Judgment]:
    """What one member said, as judgments of its own."""
    judged = []
    for judgment in judgments:
        member = judgment.members[index]
        own = replace(judgment, verdict=member.verdict, raw=member.text, span=None, logprobs=None, read_as=None)
        judged.append(replace(own, confidence=None, confidence_from=None, draws=(), members=()))
    return judged


def _without(judgment: Judgment, index: int, rule: JuryRule) -> Judgment:
    others = (*judgment.members[:index], *judgment.members[index + 1 :])
    return pool_members(judgment, others, rule.without(index))


def _agreement(
    critics: Sequence[str], of_members: Sequence[Sequence[Judgment]], resamples: int, seed: int
) -> list[PairAgreement]:
    """How far each two members agree, and all of them where there are more than two."""
    kinds = {judgment.verdict.kind for judged in of_members for judgment in judged if judgment.verdict.is_valid}
    pairs = list(combinations(range(len(critics)), 2))
    if len(kinds) != 1 or not pairs:
        return []
    (kind,) = kinds
    agreement = []
    for pair in pairs:
        first, second = (of_members[index] for index in pair)
        if kind in ("score", "scores"):
            figure = _alpha([first, second], "interval", resamples, seed)
        else:
            name = "cohen_kappa" if kind == "preference" else "kendall_distance"
            shared = agreement_figures(first, second, resamples, seed) if _share_any(first, second) else []
            figure = next((each for each in shared if each.name == name), _unknown(name))
        agreement.append(PairAgreement((critics[pair[0]], critics[pair[1]]), figure))
    if len(critics) > 2 and kind != "ranking":
        level: Level = "nominal" if kind == "preference" else "interval"
        agreement.append(PairAgreement(tuple(critics), _alpha(of_members, level, resamples, seed)))
    return agreement


def _share_any(first: Sequence[Judgment], second: Sequence[Judgment]) -> bool:
    return any(a.verdict.is_valid and b.verdict.is_valid for a, b in zip(first, second, strict=True))


def _alpha(of_members: Sequence[Sequence[Judgment]], level: Level, resamples: int, seed: int) -> Figure:
    ratings = [[_rating(judgment) for judgment in judged] for judged in of_members]
    clusters = [cluster_of(judgment) for judgment in of_members[0]]
    return figure_of(ALPHA, alpha_statistic(ratings, clusters, level), resamples, seed)


def _rating(judgment: Judgment) -> float:
    if not judgment.verdict.is_valid:
        return float("nan")
    is_preference = judgment.verdict.kind == "preference"
    return float(preference_code(judgment.verdict)) if is_preference else last_score(judgment.verdict)


def _unknown(name: str) -> Figure:
    nan = float("nan")
    return Figure(name, nan, nan, nan, nan, 0, {}, reason="the two share no item with valid verdicts")


def side_by_side(of_members: Sequence[tuple[str, Sequence[Judgment]]]) -> tuple[list[Judgment], int]:
    """What several critics said of what all of them judged in the same order, and how many others there are.

    The n-th judgment of an item and order by one goes with the n-th by another. The verdict is the first's, which is
    still to be pooled; the label is that of the first who has one.
    """
    judged = [(critic, _by_request(judgments)) for critic, judgments in of_members]
    common = [key for key in judged[0][1] if all(key in of_request for _, of_request in judged)]
    n_all = len({key for _, of_request in judged for key in of_request})
    jury = []
    for key in common:
        said = [(critic, of_request[key]) for critic, of_request in judged]
        members = tuple(MemberVerdict(critic, judgment.verdict, judgment.raw) for critic, judgment in said)
        label = next((judgment.label for _, judgment in said if judgment.label is not None), None)
        jury.append(replace(said[0][1], members=members, label=label))
    return jury, n_all - len(common)


def _by_request(judgments: Sequence[Judgment]) -> dict[tuple[str, str, int], Judgment]:
    of_request: dict[tuple[str, str, int], Judgment] = {}
    times: dict[tuple[str, str], int] = {}
    for judgment in judgments:
        n = times[judgment.item_id, judgment.order] = times.get((judgment.item_id, judgment.order), 0) + 1
        of_request[judgment.item_id, judgment.order, n] = judgment
    return of_request
