import re

from stackkit.tools.chart import Chart, Curve, draw, short, ticks


def test_ticks_are_round_numbers_up_to_the_top() -> None:
    assert ticks(625_000, 5) == [0, 200_000, 400_000, 600_000]
    assert ticks(105, 5) == [0, 50, 100]
    assert ticks(0.9, 5) == [0, 0.2, 0.4, 0.6000000000000001, 0.8]
    assert [short(n) for n in (0, 50, 12_500, 2e6)] == ["0", "50", "12.5k", "2M"]


def test_every_point_lies_within_the_picture() -> None:
    chart = Chart(
        title="Load",
        caption="",
        unit="requests/s",
        x_unit="minutes",
        xs=[0, 1, 2],
        curves=[Curve("load", "first", [0, 700, 20], fill_to=[0, 0, 0])],
        levels=[("maximum 800", 800)],
    )
    drawn = str(draw(chart))
    points = re.findall(r"[ML]([\d.]+) ([\d.]+)(?= [LZ]|\")", drawn)
    assert len(points) == 6 + 3
    assert all(0 <= float(x) <= 100 and 0 <= float(y) <= 100 for x, y in points)
    places = re.findall(r"(?:left|bottom): ([\d.]+)%", drawn)
    assert all(0 <= float(place) <= 100 for place in places)
    assert "maximum 800" in drawn
