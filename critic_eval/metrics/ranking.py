"""How far a ranking is from the true one."""

from collections.abc import Hashable, Sequence


def levenshtein(ranking: Sequence[Hashable], label: Sequence[Hashable]) -> float:
    """Normalised Levenshtein distance of two rankings, 0 (equal) to 1; lower is better.

    The fewest insertions, deletions and substitutions that make one of the other, over the longer one's length; two
    empty rankings are equal. Batch metric of MLLM-as-a-Judge (arXiv 2402.04788).

    >>> levenshtein("CADB", "CABD"), levenshtein("AB", "BA"), levenshtein("", "AB")
    (0.5, 1.0, 1.0)
    """
    if not ranking and not label:
        return 0.0
    row = list(range(len(label) + 1))
    for i, left in enumerate(ranking, start=1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(label, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return row[-1] / max(len(ranking), len(label))
