"""Paper and screens as they are to be had, drawn from a seed. Parameters are frozen with BENCH_VERSION."""

import numpy as np

from scripts.pad_bench.media import Print, Screen

Rng = np.random.Generator


def draw_print(rng: Rng, *, width_mm: float, ratio: float, glossy: bool, curled: bool) -> Print:
    border = float(rng.choice([0.0, rng.uniform(3, 20)]))
    return Print(
        width_mm=width_mm,
        height_mm=width_mm * ratio,
        border_mm=border,
        white=float(rng.uniform(0.75, 0.9)),
        black=float(rng.uniform(0.02, 0.05) if glossy else rng.uniform(0.035, 0.09)),
        saturation=float(rng.uniform(0.85, 1.1) if glossy else rng.uniform(0.65, 1.1)),
        gain=float(rng.uniform(0.85, 1.3)),
        tint=tuple(float(part) for part in rng.uniform(0.93, 1.05, 3)),  # type: ignore[arg-type]
        band_mm=float(rng.uniform(1.0, 5.0)),
        band=float(rng.uniform(0.0, 0.025)),
        dot_mm=float(rng.choice([0.17, 0.25, 0.42])),
        dot=float(rng.uniform(0.05, 0.4)),
        gloss=float(rng.uniform(0.15, 0.9) if glossy else rng.uniform(0.0, 0.05)),
        curl=float(rng.uniform(-1, 1) * (0.006 if curled else 0.0008)),
        curl_axis=float(rng.choice([0.0, rng.uniform(-0.5, 0.5), 1.57])),
    )


def draw_screen(rng: Rng, *, kind: str) -> Screen:
    width, ratio, pitch, bezel = {
        "phone": (68.0, 148 / 68, 0.063, rng.uniform(2, 4)),
        "oled": (71.0, 155 / 71, 0.055, rng.uniform(1.5, 3)),
        "tablet": (160.0, 1.34, 0.096, rng.uniform(7, 16)),
        "monitor": (520.0, 0.5625, 0.271, rng.uniform(8, 20)),
        "laptop": (310.0, 0.5625, 0.227, rng.uniform(6, 14)),
        "old-monitor": (376.0, 0.8, 0.294, rng.uniform(14, 24)),
    }[kind]
    oled = kind == "oled"
    return Screen(
        width_mm=width,
        height_mm=width * ratio,
        bezel_mm=float(bezel),
        bezel=float(rng.choice([0.01, 0.03, 0.5])),
        pitch_mm=pitch,
        brightness=float(rng.uniform(0.6, 1.25)),
        black=float(rng.uniform(0.003, 0.03) if oled else rng.uniform(0.01, 0.06)),
        gamma=float(rng.uniform(0.85, 1.15)),
        tint=(float(rng.uniform(1.0, 1.25)), 1.0, float(rng.uniform(0.82, 1.0))),
        subpixel=float(rng.uniform(0.3, 0.8)),
        refresh_hz=float(rng.choice([59.94, 60.0, 75.0, 120.0])),
        flicker=float(rng.choice([0.0, rng.uniform(0.005, 0.05)]))
        if not oled
        else float(rng.uniform(0.01, 0.08)),
        gloss=float(rng.uniform(0.05, 0.5)),
    )
