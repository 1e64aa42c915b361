"""An RMCP+ session as a machine without I/O: datagrams and `now` in; datagrams, events and the next deadline out."""
