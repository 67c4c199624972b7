"""A PDF sheet of badges: cards of credit-card size, ten to an A4 page, with cut marks.

Names are drawn with the fonts that a PDF reader has; letters that they lack become a question mark, and the
number and the code still say whose card it is.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import segno
from fpdf import FPDF

CARD_MM = (85.6, 54.0)  # ISO/IEC 7810 ID-1
COLUMNS, ROWS = 2, 5
CODE_MM = 46.0
LEFT_MM, TOP_MM = (210 - COLUMNS * CARD_MM[0]) / 2, (297 - ROWS * CARD_MM[1]) / 2


@dataclass(frozen=True, slots=True)
class Card:
    """One card. Personal data, and a badge's secret text."""

    name: str
    number: str
    token: str
    ends_at: datetime | None

    def __repr__(self) -> str:
        return "Card(********)"


def write_pdf(cards: Sequence[Card], path: Path) -> None:
    """Write a sheet; the file is there already, and its owner's alone."""
    sheet = FPDF(unit="mm", format="A4")
    sheet.set_auto_page_break(auto=False)
    sheet.set_title("Badges")
    for index, card in enumerate(cards):
        place = index % (COLUMNS * ROWS)
        if place == 0:
            sheet.add_page()
        left = LEFT_MM + (place % COLUMNS) * CARD_MM[0]
        top = TOP_MM + (place // COLUMNS) * CARD_MM[1]
        _draw(sheet, card, left, top)
    path.write_bytes(bytes(sheet.output()))


def _draw(sheet: FPDF, card: Card, left: float, top: float) -> None:
    sheet.set_draw_color(190)
    sheet.rect(left, top, *CARD_MM)
    picture = io.BytesIO()
    segno.make(card.token, error="m", micro=False, boost_error=False).save(
        picture, kind="png", scale=10, border=4
    )
    sheet.image(picture, left + 2, top + (CARD_MM[1] - CODE_MM) / 2, CODE_MM, CODE_MM)
    beside, width = left + CODE_MM + 4, CARD_MM[0] - CODE_MM - 6
    lines = [(card.name, 12.0, "B"), (card.number, 10.0, "")]
    if card.ends_at is not None:
        lines.append((f"until {card.ends_at:%Y-%m-%d %H:%M} UTC", 8.0, ""))
    sheet.set_xy(beside, top + 8)
    for text, size, style in lines:
        sheet.set_font("Helvetica", style, size)
        sheet.set_x(beside)
        sheet.multi_cell(width, size * 0.5, _latin(text), align="L", new_x="LMARGIN", new_y="NEXT")


def _latin(text: str) -> str:
    return text.encode("latin-1", "replace").decode("latin-1")
