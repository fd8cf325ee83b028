"""What a run asks for instead of each task's own: the card of its critic, a protocol, and orders.

lmms-eval renders prompts and reads answers in its tasks, which know nothing of a model's arguments; so the choices are
kept here, for the process.
"""

from typing import get_args

from critic_eval.critics.cards.using import CardUse
from critic_eval.errors import ArgumentError
from critic_eval.judging.orders import OrderPolicy
from critic_eval.judging.protocols import Protocol, protocol_family
from critic_eval.judging.rewards import REWARD_PROTOCOLS, check_shows_responses, is_reward


def select_card(use: CardUse | None) -> None:
    """Ask as the card of a critic says; None: as tasks do."""
    global _card
    _card = use


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


def selected_protocol(default: Protocol, *, brings_prompt: bool = False, is_official: bool = False) -> Protocol:
    """The protocol to use where a task's own is `default`, as the critic's card has it.

    Args:
        default: The task's protocol, or the one that a row names.
        brings_prompt: Whether the task's rows bring their prompt, and so allow no other protocol.
        is_official: Whether the task imitates a benchmark's own code, so that no critic's own prompt is put in place.

    Raises:
        ArgumentError: The one that was selected asks for another kind of verdict, or the rows allow no other.
    """
    asked = default
    if _selected:
        if is_reward(_selected[0]):
            check_shows_responses(default)
        if brings_prompt:
            raise ArgumentError(f"These rows bring their own prompt ({default.name}); run this task without protocol=.")
        fitting = [protocol for protocol in _selected if protocol.shape == default.shape]
        if not fitting:
            names = ", ".join(protocol.name for protocol in _selected)
            raise ArgumentError(f"A task asks for a verdict like {default.name}'s, which {names} can't give.")
        asked = fitting[0]
    if _card is None or is_reward(asked):
        return asked
    return _card.protocol_for(asked, is_chosen=bool(_selected), is_fixed=brings_prompt or is_official)


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


_card: CardUse | None = None
_selected: tuple[Protocol, ...] = ()
_orders: OrderPolicy | None = None
