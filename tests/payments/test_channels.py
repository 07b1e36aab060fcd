"""One spelling for each payment channel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.payments.channels import normalise_channel


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("1Bill", "1Bill"),
        ("1bill ", "1Bill"),
        ("1 BILL", "1Bill"),
        ("BOP OTC", "BOP OTC"),
        ("bop-otc", "BOP OTC"),
        ("OTC/Cash", "OTC/Cash"),
        ("otc / cash", "OTC/Cash"),
        ("Jazz Cash", "JazzCash"),
        ("EASYPAISA", "Easypaisa"),
        ("", "Unknown"),
        ("-", "Unknown"),
        ("Village  Bank-Branch", "VILLAGE BANK BRANCH"),
    ],
)
def test_spellings(text: str, channel: str) -> None:
    assert normalise_channel(text) == channel


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=30))
def test_stable(text: str) -> None:
    channel = normalise_channel(text)
    assert normalise_channel(channel) == channel
    assert normalise_channel(f" {text.upper()} ") == normalise_channel(text.casefold()) == channel
