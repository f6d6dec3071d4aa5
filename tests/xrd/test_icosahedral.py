"""The physics of icosahedral reflections, by its laws and by published positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples.xrd.bragg import CU_KALPHA1, two_theta_from_q
from samples.xrd.icosahedral import (
    APPROXIMANT_CUBIC_1_1,
    APPROXIMANT_CUBIC_2_1,
    PHASON_STRAIN_1_1,
    PHASON_STRAIN_2_1,
    TAU,
    LatticeConvention,
    LatticeType,
    cahn_indices,
    d_over_a_r,
    equivalent_constants,
    g_par,
    g_perp,
    icosahedral_vectors,
    q_par,
    q_perp,
    reflection_label,
    reflections,
)

six_indices = st.lists(st.integers(-6, 6), min_size=6, max_size=6).filter(any)
half_odd_indices = st.lists(st.integers(-6, 5).map(lambda i: i + 0.5), min_size=6, max_size=6)


def two_theta_of(n: int, m: int, a_r: float) -> float:
    return float(two_theta_from_q(2 * np.pi / (d_over_a_r(n, m) * a_r), CU_KALPHA1))


def point_group() -> list[np.ndarray]:
    """The signed permutations of the six axes under which all lengths |g∥| of sums of two axes stay: the group m-3-5."""
    gram = g_par(np.eye(6)) @ g_par(np.eye(6)).T
    operations: list[np.ndarray] = []

    def extend(images: list[tuple[int, int]]) -> None:
        if len(images) == 6:
            matrix = np.zeros((6, 6))
            for source, (target, sign) in enumerate(images):
                matrix[target, source] = sign
            operations.append(matrix)
            return
        source = len(images)
        for target in set(range(6)) - {t for t, _ in images}:
            for sign in (1, -1):
                products = [sign * s * gram[target, t] for t, s in images]
                if np.allclose(products, gram[source, :source]):
                    extend([*images, (target, sign)])

    extend([])
    return operations


OPERATIONS = point_group()


def test_the_point_group_has_120_operations() -> None:
    assert len(OPERATIONS) == 120


@given(st.one_of(six_indices, half_odd_indices), st.integers(0, 119))
def test_the_icosahedral_group_leaves_both_lengths_and_the_shell(h: list[float], operation: int) -> None:
    image = OPERATIONS[operation] @ np.array(h)
    assert q_par(image) == pytest.approx(q_par(h))
    assert q_perp(image) == pytest.approx(q_perp(h))
    assert cahn_indices(image) == cahn_indices(h)


@given(st.one_of(six_indices, half_odd_indices), st.floats(3, 8))
def test_parallel_and_perpendicular_lengths_add_up_to_the_six_dimensional_one(h: list[float], a_r: float) -> None:
    squares = q_par(h, a_r) ** 2 + q_perp(h, a_r) ** 2
    assert squares == pytest.approx(np.sum(np.square(h)) / (2 * a_r**2))


@given(six_indices)
def test_cahn_indices_give_both_lengths(h: list[int]) -> None:
    n, m = cahn_indices(h)
    assert n == 2 * np.sum(np.square(h))
    assert n + m * TAU == pytest.approx(np.sum(g_par(h) ** 2))
    assert TAU * (n * TAU - m) == pytest.approx(np.sum(g_perp(h) ** 2))
    assert d_over_a_r(n, m) == pytest.approx(1 / q_par(h))


def inflation() -> np.ndarray:
    """The matrix that multiplies g∥ by τ (and g⊥ by −1/τ)."""
    parts = np.vstack([g_par(np.eye(6)).T, g_perp(np.eye(6)).T])
    return np.linalg.inv(parts) @ np.diag([TAU] * 3 + [-1 / TAU] * 3) @ parts


def test_a_p_type_set_maps_onto_itself_under_tau_cubed_only_and_an_f_type_set_under_tau() -> None:
    tau = inflation()
    integer = np.linalg.matrix_power(tau, 3) @ np.eye(6)
    assert np.allclose(integer, np.rint(integer))
    assert abs(np.linalg.det(integer)) == pytest.approx(1)
    assert not np.allclose(tau, np.rint(tau))
    f_type = icosahedral_vectors("F", 1.5, 1.0)
    doubled = 2 * f_type @ tau.T
    assert np.allclose(doubled, np.rint(doubled))
    parity = np.rint(doubled).astype(int) % 2
    assert np.all(parity == parity[:, :1]), "τ times an F-type vector is all integer or all half-odd"


@pytest.mark.parametrize(("lattice_type", "scale"), [("P", TAU**3), ("F", TAU)])
def test_equivalent_constants_repeat_the_line_positions(lattice_type: LatticeType, scale: float) -> None:
    smaller, larger = equivalent_constants(4.5, lattice_type)
    assert larger / 4.5 == pytest.approx(scale)
    assert 4.5 / smaller == pytest.approx(scale)


@pytest.mark.parametrize(
    ("strain", "cubic"), [(PHASON_STRAIN_1_1, APPROXIMANT_CUBIC_1_1), (PHASON_STRAIN_2_1, APPROXIMANT_CUBIC_2_1)]
)
def test_the_phason_strain_moves_every_reflection_onto_a_cubic_lattice(strain: float, cubic: float) -> None:
    h = icosahedral_vectors("P", 3.0, 0.8)
    hkl = (g_par(h) + strain * g_perp(h)) / (2 * (TAU + 2) ** 0.5) * cubic
    assert np.allclose(hkl, np.rint(hkl), atol=1e-9)
    basis = np.linalg.matrix_rank(np.rint(hkl))
    assert basis == 3


def test_the_constants_of_the_conventions() -> None:
    assert LatticeConvention.CUBIC_1_1.in_a_r == pytest.approx(2.7528, abs=5e-5)
    assert LatticeConvention.CUBIC_2_1.in_a_r == pytest.approx(4.4541, abs=5e-5)
    # Cd-Yb: a_6D 8.045 Å is a_R 5.689 Å; its 1/1 approximant has 15.66 Å (Cd6Yb measured: 15.638 Å).
    assert LatticeConvention.A_6D.to_a_r(8.045) == pytest.approx(5.689, abs=5e-4)
    assert LatticeConvention.CUBIC_1_1.from_a_r(5.689) == pytest.approx(15.66, abs=5e-3)
    # The TEM constant 0.8706 nm of Al-Si-Ru is an a_F; icosahedrite is quoted as 12.64 Å of the F lattice.
    assert LatticeConvention.A_F.to_a_r(8.706) == pytest.approx(4.353)
    assert LatticeConvention.A_6D_F.to_a_r(12.64) == pytest.approx(4.469, abs=5e-4)


@given(st.sampled_from(list(LatticeConvention)), st.floats(1, 40))
def test_a_convention_converts_there_and_back(convention: LatticeConvention, length: float) -> None:
    assert convention.from_a_r(convention.to_a_r(length)) == pytest.approx(length)


POSITIONS = {
    4.465: {(6, 9): 23.73, (7, 11): 26.10, (14, 21): 36.62, (18, 29): 42.86, (20, 32): 45.19, (38, 61): 64.04, (52, 84): 76.87},
    4.562: {(6, 9): 23.22, (7, 11): 25.54, (14, 21): 35.81, (18, 29): 41.91, (20, 32): 44.18, (38, 61): 62.52, (52, 84): 74.95},
    4.353: {(6, 9): 24.35, (7, 11): 26.79, (14, 21): 37.59, (18, 29): 44.02, (20, 32): 46.42, (38, 61): 65.89, (52, 84): 79.23},
    5.19: {(6, 9): 20.38, (7, 11): 22.41, (14, 21): 31.36, (18, 29): 36.64, (20, 32): 38.60, (38, 61): 54.28, (52, 84): 64.66},
    5.689: {(6, 9): 18.58, (14, 21): 28.55, (18, 29): 33.33, (20, 32): 35.10, (38, 61): 49.18, (52, 84): 58.41},
}  # fmt: skip


@pytest.mark.parametrize("a_r", POSITIONS)
def test_positions_for_copper_radiation(a_r: float) -> None:
    for (n, m), expected in POSITIONS[a_r].items():
        assert two_theta_of(n, m, a_r) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("lattice_type", ["P", "F"])
def test_the_table_of_reflections(lattice_type: LatticeType) -> None:
    table = reflections(lattice_type)
    assert np.all(np.diff(table.d_over_a_r) < 0)
    assert np.allclose(table.q_par, q_par(table.indices))
    assert np.allclose(table.d_over_a_r, d_over_a_r(table.n, table.m))
    assert np.array_equal(cahn_indices(table.indices)[0], table.n)
    assert np.any(table.superlattice) == (lattice_type == "F")
    assert np.all(table.n[table.superlattice] % 2 == 1)
    assert np.all(table.indices[table.superlattice] % 1 == 0.5)
    assert np.all(table.multiplicity % 2 == 0)
    with pytest.raises(ValueError):
        table.indices[0, 0] = 9


def test_no_vector_is_missed() -> None:
    axis = np.arange(-3, 4)
    every = np.stack(np.meshgrid(*[axis] * 6, indexing="ij"), axis=-1).reshape(-1, 6)
    every = every[(q_par(every) <= 1.2) & (q_perp(every) <= 0.9) & np.any(every, axis=1)]
    assert set(map(tuple, every)) == set(map(tuple, icosahedral_vectors("P", 1.2, 0.9)))


def test_multiplicities_of_the_axes() -> None:
    table = reflections("F")
    multiplicity = dict(
        zip(zip(table.n.tolist(), table.m.tolist(), strict=True), table.multiplicity.tolist(), strict=True)
    )
    assert multiplicity[18, 29] == 12
    assert multiplicity[20, 32] == 30
    assert multiplicity[6, 9] == 20
    assert multiplicity[7, 11] == 12


def test_labels() -> None:
    assert reflection_label(18, 29, [2, 1, 1, 1, 1, 1]) == "18/29 (2 1 1 1 1 1)"
    assert reflection_label(7, 8, np.array([3, 1, 1, 1, -1, 1]) / 2) == "7/8 ½(3 1 1 1 −1 1)"
    assert reflections("P").labels()[-1].startswith(f"{reflections('P').n[-1]}/")


@pytest.mark.shared
def test_the_independent_list_of_reflections(shared_data: Path) -> None:
    lines = (shared_data / "icosahedral_reflections.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    assert len(rows) == 72
    table = reflections("F", q_perp_max=0.67)
    # The list was made with indices up to 4 (doubled: 7); three of its shells have further members.
    every = icosahedral_vectors("F", 5.1, 0.67)
    all_n, all_m = cahn_indices(every[np.abs(every).max(axis=1) <= 4])
    shell = {(n, m): i for i, (n, m) in enumerate(zip(table.n.tolist(), table.m.tolist(), strict=True))}
    for n, m, kind, multiplicity, d, perp, indices, first, second in rows:
        i = shell[int(n), int(m)]
        h = np.array(indices.strip("()").split(","), dtype=float) / (2 if kind == "Fsup" else 1)
        assert table.superlattice[i] == (kind == "Fsup")
        assert np.count_nonzero((all_n == int(n)) & (all_m == int(m))) == int(multiplicity)
        assert table.d_over_a_r[i] == pytest.approx(float(d), abs=1e-5)
        assert table.q_perp[i] * 2**0.5 == pytest.approx(float(perp), abs=1e-4)
        assert tuple(map(int, cahn_indices(h))) == (int(n), int(m))
        for a_r, two_theta in ((4.469, first), (5.689, second)):
            assert two_theta_of(int(n), int(m), a_r) == pytest.approx(float(two_theta), abs=0.002)
