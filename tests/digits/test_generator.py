"""The benchmark's items: true where they say so, and telling nothing without their image."""

import hashlib
from typing import Any

import numpy as np
import pytest

from critic_eval.benchmarks.digits.facts import FACTS, draw_swapped_scene
from critic_eval.benchmarks.digits.generator import N_ITEMS, Kind, generate_items
from critic_eval.benchmarks.digits.glyphs import CELL, choose_glyphs, compose, glyphs

KINDS: list[Kind] = ["pair", "score", "rank"]


@pytest.fixture(scope="module")
def items() -> dict[Kind, list[dict[str, Any]]]:
    return {kind: generate_items(kind) for kind in KINDS}


def test_splits_share_no_image() -> None:
    splits = [glyphs(split)[0] for split in ("train", "validation", "test")]
    assert sum(map(len, splits)) == 1797
    test_images = {image.tobytes() for image in splits[2]}
    assert not test_images & {image.tobytes() for split in splits[:2] for image in split}


@pytest.mark.parametrize("kind", KINDS)
def test_every_task_has_500_items_with_distinct_ids(kind: Kind, items: dict[Kind, list[dict[str, Any]]]) -> None:
    assert len(items[kind]) == N_ITEMS[kind] >= 500
    assert len({item["id"] for item in items[kind]}) == len(items[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_true_statements_name_the_shown_values_and_false_ones_do_not(
    kind: Kind, items: dict[Kind, list[dict[str, Any]]]
) -> None:
    for item in items[kind]:
        for response, truth in zip(item["responses"], item["truth"], strict=True):
            values = [FACTS[fact](tuple(item["digits"])) for fact in item["facts"]]
            if len(values) == 1:
                assert (f" {values[0]}." in response) == truth[0], (item, response)
            elif all(truth):
                assert all(f" {value}." in response for value in values), (item, response)


def test_labels_follow_the_share_of_true_statements(items: dict[Kind, list[dict[str, Any]]]) -> None:
    for item in items["pair"]:
        first, second = (np.mean(truth) for truth in item["truth"])
        assert item["label"] == ("tie" if first == second else "A" if first > second else "B")
    for item in items["score"]:
        assert item["label"] == pytest.approx(100 * np.mean(item["truth"][0]), abs=0.5)
    for item in items["rank"]:
        shares = [np.mean(item["truth"]["ABCD".index(letter)]) for letter in item["label"]]
        assert shares == sorted(shares, reverse=True)
        assert len(set(shares)) == 4


def test_a_version_never_changes(items: dict[Kind, list[dict[str, Any]]]) -> None:
    """The digest was recorded when version 2 was made; another one means that VERSION has to be raised."""
    digest = hashlib.sha256()
    for kind in KINDS:
        for item in items[kind]:
            digest.update(repr((item["question"], item["responses"], item["label"])).encode())
            digest.update(np.asarray(item["image"]).tobytes())
    assert digest.hexdigest()[:16] == "5719ea1838f92aaa"


def test_text_alone_does_not_tell_the_better_response() -> None:
    """Oracle: scikit-learn's logistic regression on words, word pairs and lengths, cross-validated."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    pairs = [item for item in generate_items("pair") if item["label"] != "tie"]
    words = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+")
    counts = words.fit_transform([text for item in pairs for text in item["responses"]])
    lengths = csr_matrix([[len(text) / 50, text.count(".")] for item in pairs for text in item["responses"]])
    features = hstack([counts, lengths]).tocsr()
    difference = features[0::2] - features[1::2]
    target = [item["label"] == "A" for item in pairs]
    accuracy = cross_val_score(LogisticRegression(C=0.1, max_iter=1000), difference, target, cv=8).mean()
    assert 0.42 < accuracy < 0.58, accuracy


def test_responses_that_tie_are_both_right(items: dict[Kind, list[dict[str, Any]]]) -> None:
    ties = [item for item in items["pair"] if item["label"] == "tie"]
    assert len(ties) > 80
    assert all(all(truth) for item in ties for truth in item["truth"])


def test_longer_and_earlier_responses_are_not_better() -> None:
    pairs = [item for item in generate_items("pair") if item["label"] != "tie"]
    longer = np.mean([(len(i["responses"][0]) > len(i["responses"][1])) == (i["label"] == "A") for i in pairs])
    earlier = np.mean([i["label"] == "A" for i in pairs])
    assert abs(longer - 0.5) < 0.08
    assert abs(earlier - 0.5) < 0.08


def test_images_are_drawn_alike_from_the_same_state() -> None:
    drawn = []
    for _ in range(2):
        rng = np.random.default_rng(3)
        drawn.append(compose(choose_glyphs((4, 0, 7), "test", rng), "test", rng))
    assert drawn[0].size == (3 * CELL, CELL)
    assert drawn[0].tobytes() == drawn[1].tobytes()


@pytest.mark.parametrize("n_facts", [1, 2, 3])
def test_swapped_scenes_differ_by_places_alone(n_facts: int) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        scene = draw_swapped_scene(n_facts, rng)
        assert sorted(scene.shown) == sorted(scene.phantom)
        assert len(scene.facts) == n_facts
        assert all(FACTS[fact](scene.shown) != FACTS[fact](scene.phantom) for fact in scene.facts)
