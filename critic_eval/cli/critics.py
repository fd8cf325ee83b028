"""The command `critic-eval critics`."""

import argparse
import json
from typing import Any

from critic_eval.visible import visible


def add_command(commands: Any) -> None:
    """Add the subparser of this command."""
    critics = commands.add_parser(
        "critics",
        help="list the families of critics: how each is loaded, asked and read",
        description=(
            "List the cards of critics: by which names of checkpoints a family is known, how it is loaded, which "
            "prompts it has, how it decodes, and what all that was checked against. `pretrained=NAME` takes the card "
            "that fits, `critic=CARD` or `critic=my_critic.yaml` names one."
        ),
        epilog="example: critic-eval critics reward; one card with its prompts: critic-eval describe r1_reward",
    )
    critics.add_argument("text", nargs="?", default="", help="only those whose name, checkpoints or line holds this")
    critics.add_argument("--json", action="store_true", help="print one JSON list instead of text")
    critics.set_defaults(run=_critics)


def _critics(args: argparse.Namespace) -> int:
    from critic_eval.critics.cards import card_names, get_card
    from critic_eval.critics.cards.describing import card_facts

    facts = [card_facts(get_card(name)) for name in card_names()]
    wanted = args.text.casefold()
    shown = [fact for fact in facts if wanted in " ".join((fact["critic"], fact["about"], fact["names"])).casefold()]
    if args.json:
        print(json.dumps(shown, indent=2))
        return int(not shown)
    for entry in shown:
        print(visible(f"{entry['critic']}  {entry['about']}"))
        for name in ("names", "loaded", "prompts", "decoding", "checked"):
            if entry[name]:
                print(visible(f"    {name:<9} {entry[name]}"))
    print(f"{len(shown)} critics" if shown else f"No critic has {args.text!r} in its name or checkpoints.")
    return int(not shown)
