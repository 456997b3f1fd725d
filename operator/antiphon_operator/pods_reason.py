"""Why pods do not serve: a closed list for relays, signaling and pools, which docs and alerts rely on."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class PodsReason(StrEnum):
    """PodsAvailable, RelaysAvailable and SignalingAvailable."""

    ALL_AVAILABLE = "AllAvailable"
    SOME_UNAVAILABLE = "SomeUnavailable"
    NONE_AVAILABLE = "NoneAvailable"
    UNSCHEDULABLE = "Unschedulable"
    NODES_NOT_READY = "NodesNotReady"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    SECRET_MISSING = "SecretMissing"  # noqa: S105 - a word, not a secret
    CRASH_LOOPING = "CrashLooping"
    POD_SECURITY_FORBIDDEN = "PodSecurityForbidden"
    QUOTA_EXCEEDED = "QuotaExceeded"
    PODS_REFUSED = "PodsRefused"
    WRITE_REFUSED = "WriteRefused"


IMAGE_TROUBLE: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
"""Why a container waits, in the kubelet's words, where its image is the reason."""


def reason_of_refusal(message: str) -> PodsReason:
    """What the API server means by refusing a pod; it says it in a sentence only."""
    if "violates PodSecurity" in message:
        return PodsReason.POD_SECURITY_FORBIDDEN
    if "exceeded quota" in message:
        return PodsReason.QUOTA_EXCEEDED
    return PodsReason.PODS_REFUSED
