"""The datagrams of HACP/1, bytes and values (docs/resetpath.md). No keys, no time, no state."""
