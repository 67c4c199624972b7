"""The bench of simulated attacks: optics and geometry that its figures rest on. No package is fetched."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from scripts.pad_bench import make
from scripts.pad_bench.camera import FOCAL_PX, FPS, HEIGHT, WIDTH, FinalCamera, Optics, draw_optics, linear
from scripts.pad_bench.masks import Head, Placed, _bend, similarity
from scripts.pad_bench.media import Screen, structure
from scripts.pad_bench.motion import FAR_MM, STEP_PX, WHOLE, Grid, Hold, Map, Motion, Pose, sight, window
from scripts.pad_bench.recipes import HELD_OUT_SPECIES, SPECIES
from scripts.pad_bench.sources import RECORDINGS, Picture, Shown, half_of
from scripts.pad_bench.staging import Moving
from scripts.pad_bench.stock import draw_screen


def optics(**changed: float) -> Optics:
    drawn = draw_optics(np.random.default_rng(1))
    return Optics(**({name: getattr(drawn, name) for name in drawn.__dataclass_fields__} | changed))


def facing(z_mm: float, *, turned: float = 0.0) -> Pose:
    rotation, _ = cv2.Rodrigues(np.array([0.0, turned, 0.0]))
    return Pose(np.array([0.0, 0.0, z_mm]), np.asarray(rotation))


def fine(grid: Grid) -> tuple[Map, Map]:
    x, y = (WHOLE.fine(np.ascontiguousarray(grid[..., part])) for part in (0, 1))
    return x, y


def test_the_same_seed_takes_the_same_picture_and_another_seed_another():
    scene = np.full((HEIGHT, WIDTH, 3), 0.4, np.float32)
    first, again, other = (
        FinalCamera(optics(), np.random.default_rng(seed)).take(scene, at_s=0.5) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_two_pictures_of_one_camera_have_noise_of_their_own():
    camera = FinalCamera(optics(drift=0.0), np.random.default_rng(3))
    scene = np.full((HEIGHT, WIDTH, 3), 0.4, np.float32)
    first, second = (camera.take(scene, at_s=0.5).astype(float) for _ in range(2))
    assert first.std() > 1
    alike = np.corrcoef((first - first.mean()).ravel(), (second - second.mean()).ravel())[0, 1]
    level = np.corrcoef(*(taken.mean(axis=(0, 1)) for taken in (first, second)))[0, 1]
    assert level > 0.9  # white balance is the camera's
    per_channel = [np.corrcoef(first[..., part].ravel(), second[..., part].ravel())[0, 1] for part in range(3)]
    assert alike < 1
    assert max(map(abs, per_channel)) < 0.2


def test_light_is_linear_and_within_zero_and_one():
    light = linear(np.array([[[0, 128, 255]]], np.uint8))
    assert light.ravel() == pytest.approx([0, (128 / 255) ** 2.2, 1], abs=1e-6)


def test_a_flat_sheet_that_faces_the_camera_is_seen_to_scale():
    x, y = fine(sight(facing(600.0), curl=0.0))
    middle = (HEIGHT // 2, WIDTH // 2)
    assert x[middle] == pytest.approx(0, abs=0.01)
    assert x[0, WIDTH // 2 + 100] - x[0, WIDTH // 2] == pytest.approx(100 * 600 / FOCAL_PX, abs=0.05)
    assert y[HEIGHT // 2 + 50, 0] == pytest.approx(50 * 600 / FOCAL_PX, abs=0.05)


def test_a_curled_sheet_bends_straight_lines_and_a_flat_one_does_not():
    flat, bent = (fine(sight(facing(400.0), curl=curl))[0][240] for curl in (0.0, 0.006))
    second = [np.abs(np.diff(row[100:540:20], n=2)).max() for row in (flat, bent)]
    assert second[0] < 0.02 < second[1]


@pytest.mark.parametrize("curl", [-0.006, 0.010])
def test_a_curled_and_turned_sheet_is_seen_where_rays_meet_it(curl: float):
    pose = facing(400.0, turned=0.4)
    grid = sight(pose, curl=curl)
    row, column = 60, 90
    along = float(grid[row, column, 0])
    across = next(a for a in np.arange(-120, 120, 0.01) if _arc(a, curl) >= along)
    point = pose.rotation @ [across, grid[row, column, 1], curl * across**2 / 2] + pose.at_mm
    seen = point[:2] / point[2] * FOCAL_PX + [WIDTH / 2, HEIGHT / 2]
    assert seen == pytest.approx([STEP_PX * column, STEP_PX * row], abs=0.05)


def _arc(across: float, curl: float) -> float:
    steps = np.linspace(0, across, 400)
    return float(np.trapezoid(np.sqrt(1 + (curl * steps) ** 2), steps))


def test_only_the_part_of_the_picture_in_which_a_medium_is_seen_is_drawn():
    grid = sight(facing(600.0), curl=0.0)
    area = window(grid, (50.0, 30.0))
    assert area is not None
    assert area.left <= WIDTH / 2 - 50 < area.left + 2 * STEP_PX
    assert area.top + area.height >= HEIGHT / 2 + 30
    assert window(np.full_like(grid, FAR_MM), (50.0, 30.0)) is None


def test_a_hand_never_holds_still_and_a_stand_does():
    for drift, moves in ((8.0, True), (0.0, False)):
        hold = Hold((0, 0, 500), (0, 0, 0), drift, 0.0, drift / 20, 0.0, 0.0, 0.0)
        motion = Motion(hold, length_s=2.6, rng=np.random.default_rng(0))
        assert (not np.allclose(motion.at(0.1).at_mm, motion.at(0.9).at_mm)) is moves


def test_moire_comes_where_the_optics_let_it_and_nowhere_else():
    screen: Screen = draw_screen(np.random.default_rng(0), kind="old-monitor")
    sharp = optics(psf_px=0.35, aperture=0.25)
    x, y = fine(sight(facing(180.0), curl=0.0))
    near = structure(screen, x, y, 1.0, pose=facing(180.0), optics=sharp)
    far = structure(screen, x, y, 1.0, pose=facing(900.0), optics=sharp)
    assert min(np.asarray(plane).std() for plane in near) > 0.01
    assert far == (1.0, 1.0, 1.0)


# masks


def a_head(*, yaw: float = 0.0, at: tuple[float, float] = (320.0, 240.0)) -> np.ndarray:
    """468 points on the front of an ellipsoid, with temples, forehead, chin and nose in their places."""
    rng = np.random.default_rng(5)
    points = rng.normal(size=(468, 3))
    points[:, 2] = -np.abs(points[:, 2])
    for index, place in {
        234: (-1, 0, 0),
        454: (1, 0, 0),
        10: (0, -1, 0),
        152: (0, 1, 0),
        4: (0, 0, -1),
    }.items():
        points[index] = place
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    rotation, _ = cv2.Rodrigues(np.array([0.0, yaw, 0.0]))
    return (points * [80, 110, 80]) @ np.asarray(rotation).T + [*at, 0]


def test_how_a_head_turned_grew_and_moved_is_found_from_its_points():
    before = a_head()
    rotation, _ = cv2.Rodrigues(np.array([0.1, 0.4, -0.2]))
    scale, found, shift = similarity(before, 1.2 * before @ np.asarray(rotation).T + [5, -7, 9])
    assert scale == pytest.approx(1.2)
    assert found == pytest.approx(np.asarray(rotation))
    assert shift == pytest.approx([5, -7, 9])


def test_a_bent_mask_that_turns_with_its_head_shows_parallax_that_no_plane_has():
    bent = _bend(a_head(), np.random.default_rng(0))
    x, y = np.meshgrid(np.arange(-80, 81, 20), np.arange(-60, 61, 20))
    on = np.dstack([x, y]).reshape(-1, 2).astype(float)
    turn = on[:, 0] / bent.radius
    local = np.column_stack([np.sin(turn) * bent.radius, on[:, 1], (1 - np.cos(turn)) * bent.radius])
    space = local @ bent.axes.T + bent.origin
    seen = []
    for yaw in (0.0, 0.25):
        placed = Placed(*similarity(a_head(), a_head(yaw=yaw)))
        points = placed.scale * space @ placed.rotation.T + placed.shift
        middle = np.array([WIDTH / 2, HEIGHT / 2])
        pixels = middle + (points[:, :2] - middle) * (FOCAL_PX / (FOCAL_PX + points[:, 2:]))
        assert bent.hit(placed, pixels)[0] == pytest.approx(on, abs=1e-6)
        seen.append(pixels)
    plane, _ = cv2.findHomography(seen[0], seen[1])
    off = cv2.perspectiveTransform(seen[0][None], plane)[0] - seen[1]
    assert np.linalg.norm(off, axis=1).max() > 2.0


def test_a_mask_neither_lags_behind_a_head_that_moves_evenly_nor_loses_it_for_a_picture():
    def find(picture: Picture) -> Shown | None:
        index = int(picture[0, 0, 0])
        if index == 7:
            return None
        return Shown("a", picture, (0, 0, 1, 1), a_head(at=(100.0 + 4 * index, 200.0)).astype(np.float32))

    def seen(at_s: float) -> Picture:
        return np.full((2, 2, 3), round(at_s * FPS), np.uint8)

    head = Head(Moving("a", seen, (0, 0, 1, 1), find), seen)
    for index in (3, 7, 20):
        middle = head.at(index / FPS)[[234, 454]].mean(axis=0)
        assert middle[0] == pytest.approx(100 + 4 * index, abs=0.1)


# who is shown


def test_halves_share_no_person_and_some_species_are_held_out():
    halves: dict[str, set[str]] = {}
    for recording in RECORDINGS:
        halves.setdefault(recording.person, set()).add(recording.half)
    assert all(len(found) == 1 for found in halves.values())
    assert half_of("Somebody") == half_of("Somebody")
    assert set(HELD_OUT_SPECIES) < set(SPECIES)


class EveryFace:
    """Finds a face in every picture."""

    def find(self, person: str, picture: Picture) -> Shown:
        return Shown(person, picture, (10, 10, 20, 20), a_head().astype(np.float32))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], make.Bench]:
    names = [name for name in (f"Person_{number}" for number in range(400)) if half_of(name) == "held-out"]
    for name in names:
        folder = tmp_path / "faces" / name
        folder.mkdir(parents=True)
        for number in range(2):
            cv2.imwrite(str(folder / f"{number}.jpg"), np.zeros((8, 8, 3), np.uint8))
    monkeypatch.setattr(make, "RECORDINGS", ())
    monkeypatch.setattr(make, "Finder", EveryFace)
    return lambda: make.Bench(
        tmp_path / "out", faces=tmp_path / "faces", half="held-out", seed=0, cache=tmp_path
    )


def test_each_presentation_of_a_species_shows_somebody_else_and_nobody_whose_figures_were_read(
    bench: Callable[[], make.Bench],
):
    made = bench()
    shown = [made._photograph("print-a4", index, several=True).person for index in range(60)]
    assert len(set(shown)) == 60
    read = [list(made._people)[place] for place in make.SEEN_BEFORE["held-out"]]
    assert not set(shown) & set(read)
    assert shown != [made._photograph("mask-bent", index, several=True).person for index in range(60)]
    assert shown[:5] == [bench()._photograph("print-a4", index, several=True).person for index in range(5)]


def test_a_clip_is_stored_without_loss_and_not_made_twice(bench: Callable[[], make.Bench], tmp_path: Path):
    made, rng = bench(), np.random.default_rng(0)
    grain = rng.random((HEIGHT, WIDTH, 3)).astype(np.float32)
    path = tmp_path / "out" / "attacks" / "print-a4" / "a--000.avi"
    assert not made._made("attack", "print-a4", 0)
    made._clip(path, lambda _at_s: grain, np.random.default_rng(1), optics())
    assert made._made("attack", "print-a4", 0)
    video = cv2.VideoCapture(str(path))
    taken, frame = video.read()
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    video.release()
    assert taken
    assert count == round(2.6 * FPS)
    again = FinalCamera(optics(), np.random.default_rng(1)).take(grain, at_s=0.0)
    assert np.array_equal(frame, again)
