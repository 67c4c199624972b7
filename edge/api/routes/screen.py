"""What the screen may hand in: what people choose, type and say. Trust boundary: as `edge.api.routes.desk`."""

from aiohttp import web

from edge.api.protocol.exchange import PREFIX
from edge.api.protocol.intents import CorrectionAsked, Disavowal, IntentChosen, PinEntered, PromptGone
from edge.api.routes.desk import Desk, Handler, answer, body_of, taking


async def choose(desk: Desk, request: web.Request) -> web.StreamResponse:
    """What a person chose on the screen."""
    choice = await body_of(IntentChosen, request, desk)
    return answer(await desk.call(lambda: desk.service.choose(choice)))


def screen_rows(desk: Desk) -> list[tuple[str, str, Handler]]:
    """What people type and say at the screen."""
    does = desk.service.without_face
    return [
        ("POST", f"{PREFIX}/pins", taking(desk, PinEntered, lambda b, _: does.enter_pin(b))),
        ("POST", f"{PREFIX}/pins/cancel", taking(desk, PromptGone, lambda b, _: does.cancel_pin(b))),
        ("POST", f"{PREFIX}/pins/hold", taking(desk, PromptGone, lambda b, _: does.hold_pin(b))),
        ("POST", f"{PREFIX}/disavowals", taking(desk, Disavowal, lambda b, _: does.disavow(b))),
        (
            "POST",
            f"{PREFIX}/correction-requests",
            taking(desk, CorrectionAsked, lambda b, _: does.ask_correction(b)),
        ),
    ]
