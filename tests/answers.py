"""The answers that are supported: each choice beside each other choice in some project."""

DESCRIPTION = """Bob's "best" \\ service: 100 % # <fast>"""
# question → what is tried; anything of the same kind is as good
CHOICES = {
    "project": ("orders", "eighteen-character"),
    "description": ("Orders and their items, over HTTP", DESCRIPTION),
    "aws_region": ("eu-central-1", "sa-east-1"),
    "compute": ("fargate", "ec2"),
    "domain": ("", "api.example.com"),
}
Answers = dict[str, str]


def _chosen(row: str) -> Answers:
    numbers = zip(CHOICES.items(), map(int, row), strict=True)
    return {question: values[number] for (question, values), number in numbers}


SUPPORTED = [_chosen(row) for row in ("00000", "01111", "10110", "11001", "10011", "01100")]


def shown(answers: Answers) -> str:
    """What differs from the defaults."""
    defaults = {question: values[0] for question, values in CHOICES.items()}
    return ", ".join(q for q in answers if answers[q] != defaults[q]) or "defaults"


def given(answers: Answers) -> list[str]:
    return [f"{question}={answer}" for question, answer in answers.items()]
