"""The screen: it draws what the hub holds, and only draws."""
