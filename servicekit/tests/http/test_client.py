import pytest

from servicekit.http.client import url_below


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_segment_that_leaves_its_base_is_no_address(segment: str) -> None:
    with pytest.raises(ValueError, match="not a path segment"):
        url_below("http://u/v1/objects", segment)


@pytest.mark.parametrize(
    "segment, path",
    [
        ("a", "a"),
        ("...", "..."),
        ("../x", "..%2Fx"),
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("%2e%2e", "%252e%252e"),
        ("a\n", "a%0A"),
        ("a;b", "a%3Bb"),
        ("\u00e9", "%C3%A9"),
        ("..\\..", "..%5C.."),
    ],
)
@pytest.mark.parametrize("base", ["http://u/v1/objects", "http://u/v1/objects/"])
def test_segment_is_one_segment_below_its_base(base: str, segment: str, path: str) -> None:
    assert str(url_below(base, segment)) == f"http://u/v1/objects/{path}"


def test_base_without_a_path_is_the_root() -> None:
    assert str(url_below("http://user:pass@u:8080", "a")) == "http://user:pass@u:8080/a"
