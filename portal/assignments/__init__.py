"""Who works where: units and union councils assigned to agents, from a day to a day."""
