"""The protocol and the orders that a run asks for instead of each task's own (`--model_args protocol=NAME`, or FILE).

lmms-eval renders prompts and reads answers in its tasks, which know nothing of a model's arguments; so the choices are
kept here, for the process.
"""

from typing import get_args

from critic_eval.errors import ArgumentError
from critic_eval.judging.orders import OrderPolicy
from critic_eval.judging.protocols import Protocol, protocol_family
from critic_eval.judging.rewards import REWARD_PROTOCOLS, check_shows_responses, is_reward


def select_protocol(name: str | None) -> None:
    """Use a protocol, or a family of them, in place of every task's; None: the tasks'.

    Args:
        name: A protocol, a family (`llava_critic`, `verdict_last`), or a file that declares one (`my_prompt.yaml`).

    Raises:
        ArgumentError: There is no such protocol, family or file, or the file can't be used.
    """
    global _selected
    chosen = () if name is None else protocol_family(name)
    if any(map(is_reward, chosen)):
        raise ArgumentError(
            f"protocol={name} is how reward heads are asked, and they are without being told; leave it out."
        )
    _selected = chosen


def select_rewards() -> None:
    """Have every task's responses rated by a reward head, in place of the task's own protocol."""
    global _selected
    _selected = REWARD_PROTOCOLS


def selected_protocol(default: Protocol, fixed: bool = False) -> Protocol:
    """The protocol to use where a task's own is `default`; `fixed` says that the task's rows allow no other.

    Raises:
        ArgumentError: The one that was selected asks for another kind of verdict, or the rows allow no other.
    """
    if not _selected:
        return default
    if is_reward(_selected[0]):
        check_shows_responses(default)
    if fixed:
        raise ArgumentError(f"These rows bring their own prompt ({default.name}); run this task without protocol=.")
    fitting = [protocol for protocol in _selected if _shape(protocol) == _shape(default)]
    if not fitting:
        names = ", ".join(protocol.name for protocol in _selected)
        raise ArgumentError(f"A task asks for a verdict like {default.name}'s, which {names} can't give.")
    return fitting[0]


def select_orders(policy: str | None) -> None:
    """Show pairs in these orders, in place of every task's own policy; None: the tasks'.

    Raises:
        ArgumentError: There is no such policy.
    """
    global _orders
    if policy not in (None, *get_args(OrderPolicy)):
        raise ArgumentError(f"order_policy={policy} is unknown; it is {', '.join(get_args(OrderPolicy))}.")
    _orders = policy  # type: ignore[assignment]


def selected_orders(default: OrderPolicy) -> OrderPolicy:
    """The order policy to use where a task's own is `default`."""
    return _orders or default


_selected: tuple[Protocol, ...] = ()
_orders: OrderPolicy | None = None


def _shape(protocol: Protocol) -> tuple[str, bool]:
    # A review of two responses by two scores is not a score of one response.
    return protocol.kind, protocol.kind == "score" and protocol.n_responses[0] == 2
