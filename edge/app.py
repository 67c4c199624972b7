"""The composition root: the only place where Clockface's edge is wired together. Read it after `edge/ports.py`.

    camera -> recogniser -> attendant (rules, ledger) -> stage -> local API
                 |                                                    |
               gallery <-------------- service (people, enrolment) ---+

What can fail without ending the daemon (camera, models, operating point) becomes a fault that the screen shows;
keys and ledger cannot: without them nothing may run, and the error's exit code says which.
"""

import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from clockface.logs import on_exception
from clockface.notify import Notifier, notifier_from
from clockface.scrubbing import Trace
from edge.api.gate import Gate
from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.attendance.rules import Intent, Ruling, decide
from edge.camera.absent import AbsentCamera
from edge.camera.preview import Preview
from edge.camera.select import open_camera
from edge.clock import SystemClock, boottime_s
from edge.config.tree import Config
from edge.daemon.attacks import AttackLog
from edge.daemon.config_trail import note_settings
from edge.daemon.counter import Counter
from edge.daemon.crashes import Crashes
from edge.daemon.face_path import FacePath, open_face_path
from edge.daemon.heap import SpareMemory, end_start
from edge.daemon.heartbeat import Heartbeat
from edge.daemon.intents import Intents, Who
from edge.daemon.key_desk import KeyDesk
from edge.daemon.link import SiteLink
from edge.daemon.loop import Attendant, Loop, Rules
from edge.daemon.memory import close_memory
from edge.daemon.privacy import PrivacyDesk
from edge.daemon.quiet_restart import QuietRestart
from edge.daemon.readers import Readers, open_readers
from edge.daemon.retention import Retention
from edge.daemon.room import Room
from edge.daemon.service import DaemonService
from edge.daemon.stillness import Stillness
from edge.daemon.support import shareable
from edge.daemon.tap import FrameTap
from edge.daemon.timekeeper import Timekeeper
from edge.errors import CameraError, ModelError
from edge.inference.threads import use_one_thread
from edge.ports import Camera
from edge.signals.signals import Audience, Side, Signals, Surroundings, open_signals
from edge.store.keys import Keyring, load_keyring
from edge.store.officesettings import ConfigSource
from edge.store.store import Store, ledger_path, open_store
from edge.types.clock import Instant
from edge.types.faces import Frame
from edge.types.identity import DeviceId
from edge.types.punches import Punch
from edge.types.verdicts import Scene, Verdict
from sync.wire.topics import Address

RESTART_AFTER_S = 2.0

log = structlog.get_logger(__name__)


def open_ledger(config: Config, environment: Mapping[str, str]) -> tuple[Store, SystemClock, Keyring]:
    """Load the keys and open the ledger; the clock then stands no earlier than its last event.

    Raises:
        SecretError: A key is missing or wrong.
        StoreError: The ledger cannot be opened.
    """
    keyring = load_keyring(
        state=config.paths.state, environment=environment, allow_environment=config.keys.allow_environment
    )
    clock = SystemClock(zone=ZoneInfo(config.device.timezone))
    store = open_store(
        ledger_path(config.paths.state),
        keyring=keyring,
        clock=clock,
        device=DeviceId(config.device.name),
        site=config.device.site,
    )
    floor = store.clock.floor()
    if floor is not None:
        clock.raise_floor(floor)
    return store, clock, keyring


@dataclass(frozen=True, slots=True)
class Service:
    """What runs beside the loop, and is closed after it in this order."""

    api: ApiServer
    camera: Camera
    face_path: FacePath | None
    store: Store
    crashes: Crashes
    signals: Signals
    keys: KeyDesk
    readers: Readers
    privacy: PrivacyDesk

    def close(self) -> None:
        """Release the door, stop serving, let the camera go, free models, report crashes, close the ledger."""
        self.signals.close()
        self.privacy.close()
        self.api.close()
        self.keys.close()
        self.readers.close()
        self.camera.close()
        if self.face_path is not None:
            self.face_path.close()
        self.crashes.report()
        self.store.close()


def run(
    config: Config,
    environment: Mapping[str, str],
    *,
    config_path: Path | None = None,
    until_end: bool = False,
) -> None:
    """Run the edge daemon until SIGTERM or SIGINT, or until a recording has ended.

    Args:
        config: The configuration.
        environment: The process's environment, read once by the caller.
        config_path: The configuration's file, if one was named: the office's settings are held against it.
        until_end: Return when a replay that is not looped has played.

    Raises:
        SecretError, StoreError, ApiError: It cannot start; nothing was recorded.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    close_memory()
    use_one_thread()
    notifier = notifier_from(environment)
    restart = threading.Timer(RESTART_AFTER_S, stop.set)  # by then its result has left
    restart.daemon = True
    source = ConfigSource(config_path, environment, config.paths.state)
    service, loop = build(
        config,
        source,
        notifier,
        restart=lambda: _start_once(restart),
        ending=stop.is_set,
        stop=stop.set,
    )
    unhook = on_exception(service.crashes.note)
    try:
        service.api.start()
        service.readers.start()
        end_start()
        notifier.ready("attending")
        log.info("edge_ready")
        loop.run(stop, until_end=until_end)
    except Exception as error:
        service.crashes.note(error)
        raise
    finally:
        unhook()
        notifier.stopping("stopping")
        service.close()
        notifier.close()
        log.info("edge_stopped")


def build(
    config: Config,
    source: ConfigSource,
    notifier: Notifier,
    *,
    restart: Callable[[], None],
    ending: Callable[[], bool],
    stop: Callable[[], None] | None = None,
) -> tuple[Service, Loop]:
    """Wire everything together; nothing runs yet but the camera's own thread.

    Raises:
        SecretError, StoreError: Without keys and ledger there is nothing to run.
    """
    store, clock, keyring = open_ledger(config, source.environment)
    crashes = Crashes(store=store, address=Address(config.device.site, config.device.name), clock=clock)
    try:
        note_settings(config, store.audit)
        face_path, fault = _face_path(config, store)
        camera = _camera(config, crashed=lambda trace: crashes.take("capture", trace))
    except BaseException:
        store.close()
        raise
    signals = _signals(config, clock, source.environment, ending)
    stage, tap, intents = Stage(), FrameTap(), Intents(boottime_s)
    audience = Audience(stage, signals)
    link = SiteLink(
        config=config,
        source=source,
        store=store,
        clock=clock,
        recogniser=None if face_path is None else face_path.recogniser,
        announcer=audience,
        restart=restart,
        diagnosis={
            "status": lambda: daemon.status().model_dump(mode="json"),
            "configuration": lambda: shareable(config),
            "doctor": lambda: _diagnosis(config, source.environment, daemon),
        },
    )
    counter = Counter(
        config=config,
        store=store,
        clock=clock,
        site_keys=link.site_keys,
        announcer=audience,
        closed=link.bulletin.closed,
        identified=lambda who: attendant.identified(who),  # noqa: PLW0108 - made below
        disowned=lambda: daemon.tally.disowned(),  # noqa: PLW0108 - made below
        share=link.sharing.person,
    )
    daemon = DaemonService(
        config=config,
        store=store,
        clock=clock,
        face_path=face_path,
        fault=fault,
        camera=camera,
        tap=tap,
        intents=intents,
        link=link,
        counter=counter,
        crashes=crashes,
        signals=signals.health,
    )
    daemon.office_time.listen(clock.believe)
    room = Room(store=store, clock=clock, ledger=store.events)
    attendant = Attendant(
        ledger=room,
        rules=_rules(config),
        last=store.events.last_punch,
        clock=clock,
        greeting=daemon.greeting,
        language=daemon.language,
        messages=link.bulletin.messages,
        announcer=counter.announcer,
        intents=intents,
        afterwards=_each(daemon.tally, AttackLog(store.audit.append), daemon.mover or _nothing_more),
        noted=counter.note,
        prompting=lambda: counter.desk.prompting,
    )
    readers = open_readers(config, counter.desk, source.environment)
    heartbeat = Heartbeat(notifier, camera=camera.health, boottime=boottime_s)
    timekeeper = Timekeeper(clock=clock, marks=store.clock)
    quiet_restart = QuietRestart(boottime_s, stop=stop or restart)
    spare_memory = SpareMemory()
    keys = KeyDesk(store=store, keyring=keyring, face_path=face_path, restart=quiet_restart)

    privacy = PrivacyDesk(
        store=store,
        config=config,
        clock=clock,
        person=daemon.person,
        backups=link.backups,
        retention=Retention(
            store=store,
            config=config.retention,
            clock=clock,
            lock=link.lock,
            refresh=link.roster.refresh,
            monotonic_s=time.monotonic,
        ),
    )

    def after_step() -> None:
        heartbeat()
        signals.after_step()
        timekeeper(boottime_s())
        room(boottime_s())
        crashes.report()
        link.bulletin(boottime_s())
        quiet_restart()
        spare_memory(boottime_s())

    preview = Preview(config.preview, mirrored=config.camera.mirror)

    def divert(frame: Frame) -> bool:
        preview.offer(frame)
        return tap.divert(frame)

    loop = Loop(
        camera=camera,
        recognition=None if face_path is None else face_path.recogniser,
        fault=fault,
        attendant=attendant,
        announcer=counter.announcer,
        closed=lambda: link.bulletin.closed() or room.closed(),
        after_step=after_step,
        divert=divert,
        show=_both(_both(stage.show, signals.look), _both(preview.look, quiet_restart.note)),
        badges=readers.offer,
        rest=Stillness(config.idle),
    )
    link.begin()
    keys.begin()
    gate = Gate(config.staff, device=config.device.name, now_s=boottime_s, note=store.audit.append)
    api = ApiServer(
        service=daemon,
        stage=stage,
        run=config.paths.run,
        config=config.api,
        preview=preview,
        keys=keys,
        gate=gate,
        privacy=privacy,
    )
    return Service(api, camera, face_path, store, crashes, signals, keys, readers, privacy), loop


def _diagnosis(config: Config, environment: Mapping[str, str], daemon: DaemonService) -> list[dict[str, str]]:
    from edge.doctor.diagnosis import diagnose  # doctor and its HTTP client: 5 MB that most kiosks never need

    return diagnose(config, environment, daemon.status())


def _start_once(timer: threading.Timer) -> None:
    if not timer.is_alive() and not timer.finished.is_set():
        timer.start()


def _face_path(config: Config, store: Store) -> tuple[FacePath | None, str | None]:
    try:
        return open_face_path(config, store), None
    except ModelError as error:
        log.error("face_path_out_of_service", error=error)  # noqa: TRY400 - its message says what to do
        return None, type(error).__name__


def _camera(config: Config, *, crashed: Callable[[Trace], None]) -> Camera:
    try:
        return open_camera(config.camera, now_s=boottime_s, crashed=crashed)
    except CameraError as error:
        log.error("camera_unavailable", error=error)  # noqa: TRY400 - its message says what to do
        return AbsentCamera(error, now_s=boottime_s)


def _both(first: Callable[[Scene], None], second: Callable[[Scene], None]) -> Callable[[Scene], None]:
    def show(scene: Scene) -> None:
        first(scene)
        second(scene)

    return show


def _signals(
    config: Config, clock: SystemClock, environment: Mapping[str, str], ending: Callable[[], bool]
) -> Signals:
    zone = ZoneInfo(config.device.timezone)

    def quiet() -> bool:
        return config.signals.quiet.at(clock.now().wall.astimezone(zone).time())

    camera = config.camera
    upright = camera.rotation_deg in (0, 180)
    width_px = camera.width_px * camera.region.width if upright else camera.height_px * camera.region.height
    return open_signals(
        config.signals,
        Surroundings(now_s=boottime_s, quiet=quiet, ending=ending, environment=environment),
        side=Side(width_px=width_px, mirrored=camera.mirror),
    )


def _each(*listeners: Callable[[Verdict], None]) -> Callable[[Verdict], None]:
    def tell(verdict: Verdict) -> None:
        for listener in listeners:
            listener(verdict)

    return tell


def _nothing_more(_verdict: Verdict) -> None:
    """With one recognition chain nobody has to move over."""


def _rules(config: Config) -> Rules:
    zone = ZoneInfo(config.device.timezone)

    def rule(who: Who, at: Instant, last: Punch | None, intent: Intent) -> Ruling:
        return decide(who, at=at, last=last, config=config.attendance, zone=zone, intent=intent)

    return rule
