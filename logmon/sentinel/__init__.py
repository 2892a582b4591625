"""The automation: rules turn log events into work items, and say what they did as events."""
