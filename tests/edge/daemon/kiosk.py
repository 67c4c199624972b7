"""A daemon without its loop, on real parts: real ledger, real models, a camera that plays given frames."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from clockface.masking import masked
from edge.api.protocol.enrolment import PhotoEnrolment
from edge.api.protocol.exchange import Role
from edge.api.protocol.people import ConsentGiven, PersonProfile
from edge.api.service import Peer
from edge.attendance.rules import Identification
from edge.config.device import DeviceConfig
from edge.config.recognition import LivenessConfig
from edge.config.tree import Config
from edge.daemon.counter import Counter
from edge.daemon.crashes import Crashes
from edge.daemon.intents import Intents
from edge.daemon.link import SiteLink
from edge.daemon.service import DaemonService
from edge.daemon.tap import Borrowed, FrameTap
from edge.inference.chain import Models
from edge.inference.liveness import LivenessOff
from edge.inference.operating_point import OperatingPoint
from edge.inference.pipeline import Recogniser, open_recogniser
from edge.store.keys import generate_keys, load_keyring
from edge.store.officesettings import ConfigSource
from edge.store.store import Store, create_store, ledger_path
from edge.types.announcements import Announcement
from edge.types.camera import CameraHealth, CameraState
from edge.types.faces import BgrImage, Frame
from edge.types.identity import DeviceId
from sync.wire.topics import Address
from tests.fakes import ManualClock

ASTRONAUT = Path(__file__).parents[2] / "data" / "astronaut.jpg"
LFW = Path(__file__).parents[4] / "shared" / "faces" / "lfw-dev"
THRESHOLD = 0.45
OPERATOR = Peer(role=Role.STAFF, uid=1001, pid=7, account="operator")
CONSENT = ConsentGiven(text_version="1", language="en", how="paper")


@dataclass
class StillCamera:
    """A camera whose health is what the test says."""

    state: CameraState = CameraState.STREAMING

    def read(self, *, timeout_s: float) -> Frame | None:
        return None

    def health(self) -> CameraHealth:
        return CameraHealth(self.state, since_s=0.0, frames=1, fps=15.0, reopened=0)

    def close(self) -> None:
        pass


class PlayedTap(FrameTap):
    """Lends given pictures, one every half second of the test's clock, then none."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock = clock
        self.images: list[BgrImage] = []
        self.returned = False

    @contextmanager
    def borrow(self) -> Iterator[Borrowed]:
        try:
            with super().borrow():
                yield _Played(self)
        finally:
            self.returned = True


class _Played(Borrowed):
    def __init__(self, tap: PlayedTap) -> None:
        super().__init__()
        self._tap = tap

    def next(self, *, timeout_s: float) -> Frame | None:
        now = self._tap.clock.advance(0.5 if self._tap.images else timeout_s)
        if not self._tap.images:
            return None
        return Frame(self._tap.images.pop(0), captured_s=now.boottime_s, index=0)


@dataclass
class Announced:
    """What the screen was told, and how often the daemon was asked to start anew."""

    said: list[Announcement] = field(default_factory=list)
    restarts: int = 0

    def announce(self, announcement: Announcement) -> None:
        self.said.append(announcement)

    def restart(self) -> None:
        self.restarts += 1


@dataclass(frozen=True)
class Face:
    """What `FacePath` holds."""

    models: Models
    recogniser: Recogniser


@dataclass
class TestKiosk:
    """The parts, where a test can reach them."""

    __test__ = False

    service: DaemonService
    store: Store
    recogniser: Recogniser
    clock: ManualClock
    camera: StillCamera
    tap: PlayedTap
    intents: Intents
    link: SiteLink
    announced: "Announced"
    counter: Counter
    identified: list[Identification]
    face_path: "Face"
    config: Config = field(default_factory=Config)

    @property
    def gallery_people(self) -> int:
        return next(iter(self.recogniser.galleries.values())).people

    def out_of_service(self, fault: str) -> DaemonService:
        """The same daemon as it runs without models."""
        return self._service(self.config, face_path=None, fault=fault)

    def restarted(self, config: Config) -> "TestKiosk":
        """The same kiosk as it runs with another configuration."""
        return replace(self, config=config, service=self._service(config, face_path=self.face_path, fault=None))

    def _service(self, config: Config, *, face_path: Face | None, fault: str | None) -> DaemonService:
        return DaemonService(
            config=config,
            store=self.store,
            clock=self.clock,
            face_path=face_path,
            fault=fault,
            camera=self.camera,
            tap=self.tap,
            intents=self.intents,
            link=self.link,
            counter=self.counter,
            crashes=self.crashes,
        )

    @property
    def crashes(self) -> Crashes:
        """What reports crashes."""
        return crashes_of(self.store, self.config, self.clock)


def crashes_of(store: Store, config: Config, clock: ManualClock) -> Crashes:
    """As the daemon makes it."""
    return Crashes(store=store, address=Address(config.device.site, config.device.name), clock=clock)


def open_kiosk(folder: Path, models: Models, config: Config | None = None) -> TestKiosk:
    """A kiosk with an empty ledger in a folder; close its `store` in the end."""
    config = config or Config(
        device=DeviceConfig(name="kiosk", site="site"), liveness=LivenessConfig(policy="off")
    )
    generate_keys(folder)
    keyring = load_keyring(state=folder, environment={}, allow_environment=False)
    clock = ManualClock()
    store = create_store(
        ledger_path(folder), keyring=keyring, clock=clock, device=DeviceId("kiosk"), site="site"
    )
    points = [
        OperatingPoint(
            model_hash=embedder.model_hash,
            fpir=0.01,
            threshold=THRESHOLD,
            gallery_people=1000,
            strangers=1000,
            fnir=0.05,
            command="a test's own",
        )
        for embedder in (models.embedder, models.previous)
        if embedder is not None
    ]
    recogniser = open_recogniser(models, config, points=points, liveness=LivenessOff())
    camera, tap = StillCamera(), PlayedTap(clock)
    intents = Intents(lambda: clock.now().boottime_s)
    announced = Announced()
    link = SiteLink(
        config=config,
        source=ConfigSource(None, {}, folder),
        store=store,
        clock=clock,
        recogniser=recogniser,
        announcer=announced,
        restart=announced.restart,
        diagnosis={"configuration": lambda: masked(config.model_dump(mode="json"))},
    )
    identified: list[Identification] = []
    counter = Counter(
        config=config,
        store=store,
        clock=clock,
        site_keys=link.site_keys,
        announcer=announced,
        closed=link.bulletin.closed,
        identified=identified.append,
        disowned=lambda: service.tally.disowned(),  # noqa: PLW0108 - made below
        share=link.sharing.person,
    )
    face_path = Face(models, recogniser)
    service = DaemonService(
        config=config,
        store=store,
        clock=clock,
        face_path=face_path,
        fault=None,
        camera=camera,
        tap=tap,
        intents=intents,
        link=link,
        counter=counter,
        crashes=crashes_of(store, config, clock),
    )
    return TestKiosk(
        service,
        store,
        recogniser,
        clock,
        camera,
        tap,
        intents,
        link,
        announced,
        counter,
        identified,
        face_path,
        config,
    )


def astronaut() -> bytes:
    return ASTRONAUT.read_bytes()


def picture(raw: bytes) -> BgrImage:
    image = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    decoded: BgrImage = image
    return decoded


def jpeg(image: BgrImage, *, quality: int = 95) -> bytes:
    done, raw = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return bytes(raw)


def portrait() -> BgrImage:
    """Head and shoulders only, (300, 250, 3)."""
    return picture(astronaut())[:300, 100:350]


def tilted(degrees: float, image: BgrImage | None = None) -> BgrImage:
    """The portrait with the head tilted."""
    source = cv2.resize(portrait(), None, fx=2, fy=2) if image is None else image
    turn = cv2.getRotationMatrix2D((source.shape[1] / 2, source.shape[0] / 2), degrees, 1.0)
    turned: BgrImage = cv2.warpAffine(source, turn, (source.shape[1], source.shape[0]))
    return turned


def beside(images: Sequence[BgrImage]) -> BgrImage:
    """Several pictures of one height, side by side."""
    joined: BgrImage = np.hstack(list(images))
    return joined


def new(number: str = "1815", *, name: str = "Ada Lovelace", **more: object) -> PhotoEnrolment:
    """A new, consenting person."""
    return PhotoEnrolment.model_validate(
        {
            "profile": PersonProfile(name=name, number=number, greeting="Ada"),
            "consent": CONSENT,
            **more,
        }
    )
