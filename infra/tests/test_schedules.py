import pytest

from stackkit.settings.schedules import Schedule, read_schedule


@pytest.mark.parametrize(
    ("line", "schedule", "expression"),
    [
        (
            "0 7 * * MON-FRI = 60..330",
            Schedule("0 7 * * MON-FRI", 60, 330),
            "cron(0 7 ? * MON-FRI *)",
        ),
        ("30 22 * * * = 9..81", Schedule("30 22 * * *", 9, 81), "cron(30 22 * * ? *)"),
        ("0 6 1 JAN * = 3..3", Schedule("0 6 1 JAN *", 3, 3), "cron(0 6 1 JAN ? *)"),
    ],
)
def test_a_schedule_reads_in_both_dialects(line: str, schedule: Schedule, expression: str) -> None:
    assert read_schedule(line) == schedule
    assert read_schedule(line).aws_expression == expression
