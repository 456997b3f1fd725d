"""IP addresses as text."""

from __future__ import annotations

import ipaddress


def is_ip_literal(text: str) -> bool:
    """Of either version; no name, no port."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
