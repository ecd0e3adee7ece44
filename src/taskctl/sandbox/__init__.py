"""The provider that ships with taskctl: five real APIs' dialects and one of its own, on a loopback port."""
