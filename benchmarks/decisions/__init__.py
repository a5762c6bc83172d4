"""How often the gate is wrong: simulated duels whose truth is known."""
