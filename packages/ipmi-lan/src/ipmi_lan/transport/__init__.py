"""Where datagrams travel."""
