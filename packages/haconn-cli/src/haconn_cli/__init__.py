"""What a host needs to be configured, and to talk to a connector: settings, the reset-path protocol, `haconnsetup`."""

__version__ = "0.1.0"
