"""The bench of simulated attacks: optics and geometry that its figures rest on. No package is fetched."""

import numpy as np
import pytest

from scripts.pad_bench.camera import FOCAL_PX, HEIGHT, WIDTH, FinalCamera, Optics, draw_optics
from scripts.pad_bench.media import Screen, structure
from scripts.pad_bench.motion import Hold, Motion, Pose, sight
from scripts.pad_bench.recipes import HELD_OUT_SPECIES, SPECIES, draw_screen
from scripts.pad_bench.sources import RECORDINGS, half_of


def optics(**changed: float) -> Optics:
    drawn = draw_optics(np.random.default_rng(1))
    return Optics(**({name: getattr(drawn, name) for name in drawn.__dataclass_fields__} | changed))


def facing(z_mm: float) -> Pose:
    return Pose(np.array([0.0, 0.0, z_mm]), np.eye(3))


def test_the_same_seed_takes_the_same_picture_and_another_seed_another():
    scene = np.full((HEIGHT, WIDTH, 3), 0.4, np.float32)
    first, again, other = (
        FinalCamera(optics(), np.random.default_rng(seed)).take(scene, at_s=0.5) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_flat_sheet_that_faces_the_camera_is_seen_to_scale():
    x, y = sight(facing(600.0), curl=0.0)
    middle = (HEIGHT // 2, WIDTH // 2)
    assert x[middle] == pytest.approx(0, abs=0.01)
    assert x[0, WIDTH // 2 + 100] - x[0, WIDTH // 2] == pytest.approx(100 * 600 / FOCAL_PX, abs=0.05)
    assert y[HEIGHT // 2 + 50, 0] == pytest.approx(50 * 600 / FOCAL_PX, abs=0.05)


def test_a_curled_sheet_bends_straight_lines_and_a_flat_one_does_not():
    flat, bent = (sight(facing(400.0), curl=curl)[0][240] for curl in (0.0, 0.006))
    second = [np.abs(np.diff(row[100:540:20], n=2)).max() for row in (flat, bent)]
    assert second[0] < 0.02 < second[1]


def test_a_hand_never_holds_still_and_a_stand_does():
    for drift, moves in ((8.0, True), (0.0, False)):
        hold = Hold((0, 0, 500), (0, 0, 0), drift, 0.0, drift / 20, 0.0, 0.0, 0.0)
        motion = Motion(hold, length_s=2.6, rng=np.random.default_rng(0))
        assert (not np.allclose(motion.at(0.1).at_mm, motion.at(0.9).at_mm)) is moves


def test_moire_comes_where_the_optics_let_it_and_nowhere_else():
    screen: Screen = draw_screen(np.random.default_rng(0), kind="old-monitor")
    sharp = optics(psf_px=0.35, aperture=0.25)
    u, v = sight(facing(180.0), curl=0.0)
    near = structure(screen, u, v, facing(180.0), optics=sharp)
    far = structure(screen, u, v, facing(900.0), optics=sharp)
    assert np.asarray(near).std() > 0.01
    assert far == 1.0


def test_halves_share_no_person_and_some_species_are_held_out():
    halves: dict[str, set[str]] = {}
    for recording in RECORDINGS:
        halves.setdefault(recording.person, set()).add(recording.half)
    assert all(len(found) == 1 for found in halves.values())
    assert half_of("Somebody") == half_of("Somebody")
    assert set(HELD_OUT_SPECIES) < set(SPECIES)
