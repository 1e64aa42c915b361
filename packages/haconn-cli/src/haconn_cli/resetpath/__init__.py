"""HACP/1, the reset-path protocol between HA Monitor's side and a connector (docs/resetpath.md)."""
