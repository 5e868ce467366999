"""The live page of the bus: every event as it travels, who has read it, and what waits."""
