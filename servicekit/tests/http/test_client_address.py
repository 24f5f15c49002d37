import pytest

from servicekit.http.client_address import UNKNOWN, canonical_client


@pytest.mark.parametrize(
    "address, name",
    [
        ("1.1.1.4", "1.1.1.4"),
        ("1.1.1.4:4001", "1.1.1.4"),
        (" 1.1.1.4 ", "1.1.1.4"),
        ("::ffff:1.1.1.5", "1.1.1.5"),
        ("::FFFF:0101:0105", "1.1.1.5"),
        ("0:0:0:0:0:ffff:101:105", "1.1.1.5"),
        ("[::ffff:1.1.1.5]:443", "1.1.1.5"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8:0:0:ffff::2", "2001:db8::/64"),
        ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::/64"),
        ("[2001:db8::1]:443", "2001:db8::/64"),
        ("[2001:db8::1]", "2001:db8::/64"),
        ('"[2001:db8::1]:443"', "2001:db8::/64"),
        ("2001:db8::1%eth0", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::1", "::/64"),
        ("", UNKNOWN),
        ("unknown", UNKNOWN),
        ("_hidden", UNKNOWN),
        ("01.1.1.4", UNKNOWN),
        ("1.1.1", UNKNOWN),
        ("0x1010104", UNKNOWN),
        ("1.1.1.4, 1.1.1.5", UNKNOWN),
        ("1.1.1.4\n", "1.1.1.4"),
        ("\u0661.1.1.4", UNKNOWN),
        ("[", UNKNOWN),
        ("x" * 10_000, UNKNOWN),
    ],
)
def test_client_has_one_name_for_all_spellings(address: str, name: str) -> None:
    assert canonical_client(address) == name
