"""A stack in an account, and what tests ask for in it."""

from typing import Any

from stackkit.resources.delivery_permissions import DeliveryScope


class Scope(DeliveryScope):
    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"

    def tags(self, where: str) -> dict[str, Any]:
        return {
            f"aws:{where}/project": self.settings.project,
            f"aws:{where}/stack": self.settings.stack,
        }

    @property
    def state_bucket(self) -> str:
        return f"arn:aws:s3:::{self.name}-state-{self.account}-{self.region}"
