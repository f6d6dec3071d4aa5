"""The parts of a simulated powder pattern: its phases' line lists, the instrument that measures it, and the published recipe."""
