"""Personal numbers as somebody without the right to them sees them: all digits hidden but the last."""

from __future__ import annotations

HIDDEN = "•"


def _mask(text: str | None, keep: int) -> str:
    """Hide every digit except the last `keep`; punctuation stays, so that the kind of number is recognisable."""
    if not text:
        return ""
    to_hide = max(sum(char.isdigit() for char in text) - keep, 0)
    out: list[str] = []
    for char in text:
        if char.isdigit() and to_hide:
            out.append(HIDDEN)
            to_hide -= 1
        else:
            out.append(char)
    return "".join(out)


def mask_cnic(text: str | None, may_see: bool) -> str:
    """A CNIC in full, or with its last 3 digits only. None gives ''."""
    return (text or "") if may_see else _mask(text, 3)


def mask_mobile(text: str | None, may_see: bool) -> str:
    """A mobile number in full, or with its last 4 digits only. None gives ''."""
    return (text or "") if may_see else _mask(text, 4)
