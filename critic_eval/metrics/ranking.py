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


def kendall_distance(ranking: Sequence[Hashable], label: Sequence[Hashable]) -> float:
    """Share of the pairs of responses that two rankings of the same responses order differently, 0 to 1.

    Kendall tau distance, normalised; 0 for fewer than two responses.

    >>> kendall_distance("CADB", "CABD"), kendall_distance("AB", "BA")
    (0.16666666666666666, 1.0)
    """
    place = {response: index for index, response in enumerate(label)}
    places = [place[response] for response in ranking]
    n = len(places)
    swapped = sum(places[i] > places[j] for i in range(n) for j in range(i + 1, n))
    return swapped / (n * (n - 1) / 2) if n > 1 else 0.0
