"""What may be set of light, buzzer, door and sound: the section `signals`. Pure.

Pins are BCM numbers of the 40-pin header, on a Raspberry Pi as on a Jetson. Nothing is wired unless a pin says
so.
"""

from datetime import time
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from clockface.config import Section
from edge.config.times import LocalTime

Pin = Annotated[int, Field(ge=2, le=27)]  # 0 and 1 belong to a HAT's EEPROM


class LightConfig(Section):
    """The light: one RGB LED, or three LEDs in red, amber and green."""

    kind: Literal["none", "rgb", "three"] = Field(
        default="none",
        description="rgb: an RGB LED at red_pin, green_pin, blue_pin. three: LEDs at red_pin, amber_pin, "
        "green_pin.",
    )
    red_pin: Pin | None = Field(default=None, description="BCM number.")
    green_pin: Pin | None = Field(default=None, description="BCM number.")
    blue_pin: Pin | None = Field(default=None, description="BCM number; rgb only.")
    amber_pin: Pin | None = Field(default=None, description="BCM number; three only.")
    active_high: bool = Field(
        default=True, description="false: lit when the pin is low (common anode, or a driver that inverts)."
    )
    brightness: float = Field(
        default=1.0,
        ge=0.05,
        le=1.0,
        description="Of a result, as a fraction; waiting is a tenth of it. A Jetson cannot dim: there it "
        "must be 1.",
    )
    result_s: float = Field(
        default=2.5, ge=0.5, le=10.0, description="How long the light shows a result, seconds."
    )

    @property
    def pins(self) -> dict[str, int | None]:
        """The pins that this kind needs, by setting."""
        wanted = {"none": (), "rgb": ("red", "green", "blue"), "three": ("red", "amber", "green")}[self.kind]
        return {f"{colour}_pin": getattr(self, f"{colour}_pin") for colour in wanted}

    @model_validator(mode="after")
    def _complete(self) -> "LightConfig":
        missing = [name for name, pin in self.pins.items() if pin is None]
        if missing:
            raise ValueError(f"kind = {self.kind} needs {' and '.join(missing)}")
        unused = [
            name
            for name in ("red_pin", "green_pin", "blue_pin", "amber_pin")
            if name not in self.pins and getattr(self, name) is not None
        ]
        if unused:
            raise ValueError(f"{' and '.join(unused)} changes nothing with kind = {self.kind}: unset it")
        return self


class BuzzerConfig(Section):
    """A buzzer that sounds while its pin is active."""

    pin: Pin | None = Field(default=None, description="BCM number; unset means no buzzer.")
    active_high: bool = Field(default=True, description="false: it sounds when the pin is low.")


class DoorConfig(Section):
    """A door strike behind a relay: energised for a moment by a committed record, and by nothing else."""

    pin: Pin | None = Field(default=None, description="BCM number of the relay; unset means no door.")
    active_high: bool = Field(
        default=True, description="false: the relay board pulls in when its input is low."
    )
    hold_s: float = Field(default=3.0, ge=0.5, le=15.0, description="How long the relay is energised, seconds.")
    methods: tuple[Literal["face", "badge", "pin"], ...] = Field(
        default=("badge", "pin"),
        min_length=1,
        description="Records of which method open it. A face only if you accept what liveness.policy lets "
        "through: with `off`, a photograph opens the door, and doctor says so.",
    )
    direction: Literal["any", "in", "out"] = Field(
        default="any", description="Records of which direction open it; any also means unstated ones."
    )


class SoundConfig(Section):
    """Tones and spoken prompts through ALSA (`aplay`)."""

    device: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_:=,./'-]{0,119}$")] | None = (
        Field(
            default=None,
            description="ALSA's name of the card: `default`, or one of `aplay -L`, such as "
            "plughw:CARD=Headphones; unset means no sound.",
        )
    )
    volume_percent: int = Field(default=70, ge=1, le=100, description="Loudness of tones and speech, percent.")
    tones: bool = Field(default=True, description="A tone for each result.")
    prompts: bool = Field(default=False, description="Results are spoken too.")
    guidance: bool = Field(
        default=False,
        description="Spoken guidance to the right place, for people who do not see the screen: come closer, "
        "to your left.",
    )
    language: Literal["en", "es", "ar", "de", "fr", "hi", "zh", "pt"] = Field(
        default="en", description="What is spoken; zh is Mandarin."
    )

    @model_validator(mode="after")
    def _audible(self) -> "SoundConfig":
        if self.device is not None and not (self.tones or self.prompts or self.guidance):
            raise ValueError("a device without tones, prompts or guidance plays nothing: unset device")
        return self


class QuietConfig(Section):
    """Hours in which the kiosk is quieter; the light stays as it is."""

    starts: LocalTime | None = Field(default=None, description="Local time; unset means no quiet hours.")
    ends: LocalTime | None = Field(
        default=None, description="Local time; earlier than `starts` means the next day."
    )

    volume_percent: int = Field(
        default=0, ge=0, le=100, description="Loudness of sound in these hours, percent; the buzzer is silent."
    )

    @model_validator(mode="after")
    def _both(self) -> "QuietConfig":
        if (self.starts is None) != (self.ends is None) or (self.starts == self.ends is not None):
            raise ValueError("quiet hours need starts and ends, and two different times")
        return self

    def at(self, now: time) -> bool:
        """Whether a local time is in them."""
        if self.starts is None or self.ends is None:
            return False
        if self.starts < self.ends:
            return self.starts <= now < self.ends
        return now >= self.starts or now < self.ends


class SignalsConfig(Section):
    """Light, buzzer and door at the pins of the board, and sound."""

    board: Literal["auto", "gpiozero", "jetson"] = Field(
        default="auto",
        description="Which library moves the pins. auto: gpiozero on a Raspberry Pi, Jetson.GPIO on a Jetson, "
        "by the board's own name.",
    )
    light: LightConfig = LightConfig()
    buzzer: BuzzerConfig = BuzzerConfig()
    door: DoorConfig = DoorConfig()
    sound: SoundConfig = SoundConfig()
    quiet: QuietConfig = QuietConfig()

    @property
    def pins(self) -> dict[str, int]:
        """Every pin in use, by setting."""
        named = {f"light.{name}": pin for name, pin in self.light.pins.items()}
        named |= {"buzzer.pin": self.buzzer.pin, "door.pin": self.door.pin}
        return {name: pin for name, pin in named.items() if pin is not None}

    @model_validator(mode="after")
    def _consistent(self) -> "SignalsConfig":
        seen: dict[int, str] = {}
        for name, pin in self.pins.items():
            if pin in seen:
                raise ValueError(f"pin {pin} is used twice: {seen[pin]} and {name}")
            seen[pin] = name
        if self.board == "jetson" and self.light.brightness < 1:
            raise ValueError("light.brightness must be 1 with board = jetson, whose pins cannot dim")
        return self
