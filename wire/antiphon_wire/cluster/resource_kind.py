"""Which objects a client wants, and where the server has them. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ResourceKind:
    group: str
    """Empty for the core group."""
    version: str
    plural: str
    namespace: str | None = None
    """None: all."""
    label_selector: str = ""
    field_selector: str = ""

    @property
    def path(self) -> str:
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{self.namespace}" if self.namespace is not None else ""
        return f"{base}{within}/{self.plural}"
