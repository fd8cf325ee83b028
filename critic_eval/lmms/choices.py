"""The protocol and the orders that a run asks for instead of each task's own (`--model_args protocol=NAME`, or FILE).

lmms-eval renders prompts and reads answers in its tasks, which know nothing of a model's arguments; so the choices are
kept here, for the process.
"""

from typing import get_args

from critic_eval.errors import ArgumentError
from critic_eval.judging.orders import OrderPolicy
from critic_eval.judging.protocols import Protocol, protocol_family


def select_protocol(name: str | None) -> None:
    """Use a protocol, or a family of them, in place of every task's; None: the tasks'.

    Args:
        name: A protocol, a family (`llava_critic`, `verdict_last`), or a file that declares one (`my_prompt.yaml`).

    Raises:
        ArgumentError: There is no such protocol, family or file, or the file can't be used.
    """
    global _selected
    _selected = () if name is None else protocol_family(name)


def selected_protocol(default: Protocol, fixed: bool = False) -> Protocol:
    """The protocol to use where a task's own is `default`; `fixed` says that the task's rows allow no other.

    Raises:
        ArgumentError: The one that was selected asks for another kind of verdict, or the rows allow no other.
    """
    if not _selected:
        return default
    if fixed:
        raise ArgumentError(f"These rows bring their own prompt ({default.name}); run this task without protocol=.")
    fitting = [protocol for protocol in _selected if protocol.shape == default.shape]
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

