"""Who may ask, and how: the connector's side of the reset path."""
