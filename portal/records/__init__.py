"""Lists and record pages of units and accounts. Above all registers: a record shows what every one of them knows."""
