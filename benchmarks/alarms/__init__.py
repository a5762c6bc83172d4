"""How often the alarms are wrong: streams of predictions whose true loss is known."""
