"""Changing the registers by hand: locations, units, accounts and the lists of words their forms offer."""
