"""Who is on which side: lineages stay together, the seed decides, and kinds are spread as evenly as lineages allow."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from screening.curation.lineages import Lineages, roots_of, sides

PERCENTS = {"train": 70, "validation": 15, "test": 15}


def many(n: int, kind: str, size: int = 1) -> dict[str, Counter[str]]:
    return {f"{kind} {number:03d}": Counter({kind: size}) for number in range(n)}


def test_pieces_of_pieces_have_the_root_of_their_ingot() -> None:
    assert roots_of({1: None, 2: 1, 3: 2, 4: None, 5: 3}) == {1: 1, 2: 1, 3: 1, 4: 4, 5: 1}


def test_a_circle_of_parents_ends() -> None:
    assert set(roots_of({1: 2, 2: 1, 3: 1})) == {1, 2, 3}


def test_joined_things_are_one_lineage() -> None:
    lineages = Lineages()
    lineages.join("a", "b")
    lineages.join("c", "d")
    assert lineages.of("a") == lineages.of("b") != lineages.of("c")
    lineages.join("b", "d")
    assert len({lineages.of(thing) for thing in "abcd"}) == 1


def test_each_kind_is_spread_as_the_percents_say() -> None:
    chosen = sides(many(100, "none") | many(20, "icosahedral"), seed=1, percents=PERCENTS, before={})
    counted = Counter((key.split()[0], side) for key, side in chosen.items())
    assert counted["none", "train"] == 70
    assert counted["icosahedral", "train"] == 14
    assert counted["icosahedral", "test"] == counted["icosahedral", "validation"] == 3


def test_a_few_reach_every_side() -> None:
    assert set(sides(many(3, "icosahedral"), seed=1, percents=PERCENTS, before={}).values()) == set(PERCENTS)


def test_a_side_of_no_percent_stays_empty() -> None:
    chosen = sides(many(10, "none"), seed=1, percents={"train": 80, "validation": 20, "test": 0}, before={})
    assert "test" not in chosen.values()


def test_the_seed_decides_among_equals_and_the_same_seed_decides_alike() -> None:
    lineages = many(40, "none")
    first = sides(lineages, seed=1, percents=PERCENTS, before={})
    assert first == sides(dict(reversed(lineages.items())), seed=1, percents=PERCENTS, before={})
    assert first != sides(lineages, seed=2, percents=PERCENTS, before={})


def test_a_lineage_keeps_its_side_and_of_two_the_stricter_one() -> None:
    before = {"none 000": {"test"}, "none 001": {"train"}, "none 002": {"train", "test"}, "gone": {"test"}}
    chosen = sides(many(40, "none"), seed=1, percents=PERCENTS, before=before)
    assert (chosen["none 000"], chosen["none 001"], chosen["none 002"]) == ("test", "train", "test")
    assert "gone" not in chosen


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=4),
        st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 50), min_size=1).map(Counter),
        min_size=1,
        max_size=30,
    ),
    st.integers(0, 2**31),
)
def test_every_lineage_has_one_side(lineages: dict[str, Counter[str]], seed: int) -> None:
    chosen = sides(lineages, seed=seed, percents=PERCENTS, before={})
    assert set(chosen) == set(lineages)
    assert set(chosen.values()) <= set(PERCENTS)
