from stackkit.tools.chart import NARROW, WIDE, Chart, Series, draw, short_number, ticks


def test_ticks_are_round_numbers_up_to_the_top() -> None:
    assert ticks(625_000, 5) == [0, 200_000, 400_000, 600_000]
    assert ticks(105, 5) == [0, 50, 100]
    assert ticks(0.9, 5) == [0, 0.2, 0.4, 0.6000000000000001, 0.8]
    assert [short_number(n) for n in (0, 50, 12_500, 2e6)] == ["0", "50", "12.5k", "2M"]


def test_every_point_lies_within_the_picture() -> None:
    for size in (WIDE, NARROW):
        series = Series(label="load", values=[0, 700, 20], colour="first", fill_to=[0, 0, 0])
        chart = Chart(
            title="Load",
            caption="",
            unit="requests/s",
            x_unit="minutes",
            xs=[0, 1, 2],
            series=[series],
            levels=[("maximum 800", 800)],
        )
        drawn = str(draw(chart, size))
        paths = [part.split('"')[0] for part in drawn.split(' d="M')[1:]]
        points = [p.split() for path in paths for p in path.removesuffix(" Z").split(" L")]
        places = [
            (float(x), float(y)) for x, y in (p for p in points if p[1][0] != "H" and len(p) == 2)
        ]
        assert len(places) == 3 + 6 + 2
        assert all(0 <= x <= size[0] and 0 <= y <= size[1] for x, y in places)
        assert "maximum 800" in drawn
