"""What we do: the plan of a reset, its execution, and the record written before acting."""
