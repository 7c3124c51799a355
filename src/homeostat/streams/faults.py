"""What a stream raises when its broker does not do what it must."""

from homeostat.errors import HomeostatError


class StreamBroken(HomeostatError):
    """The broker refuses, or cannot be reached any more; what was taken stays taken."""
