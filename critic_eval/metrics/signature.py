"""How a figure came about: two figures whose signatures differ are not comparable without saying so."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Signature:
    """The settings behind a figure, by name; written in one line, as sacrebleu does.

    >>> str(Signature({"protocol": "llava_critic_pair", "orders": "both"}))
    'protocol:llava_critic_pair|orders:both'
    """

    settings: Mapping[str, str]

    def __str__(self) -> str:
        return "|".join(f"{name}:{value}" for name, value in self.settings.items())

    def differences(self, other: "Signature") -> list[str]:
        """Names of the settings that two figures don't share, in order.

        >>> Signature({"orders": "both"}).differences(Signature({"orders": "single", "seed": "0"}))
        ['orders', 'seed']
        """
        names = list(dict.fromkeys([*self.settings, *other.settings]))
        return [name for name in names if self.settings.get(name) != other.settings.get(name)]
