"""Codes of the pipeline in words for staff's terminal; the screen has its own catalogues."""

from collections.abc import Mapping

COACHING: Mapping[str, str] = {
    "come_closer": "come closer",
    "step_back": "step back",
    "move_into_view": "move into view",
    "too_dark": "too dark",
    "too_bright": "too bright",
    "look_here": "look at the camera",
    "hold_still": "hold still",
    "uncover_face": "uncover the face",
    "one_at_a_time": "one person at a time",
    "turn_a_little": "good; now turn or tilt the head a little",
}

NOTICES: Mapping[str, str] = {
    "attract": "waiting for somebody",
    "guidance": "guidance:",
    "recorded": "recorded:",
    "already_recorded": "already recorded:",
    "not_recognised": "not recognised",
    "several_people": "several people",
    "out_of_service": "out of service",
    "identify": "this kiosk is being looked for",
}
