"""Where work items are sent: one small protocol over HTTP, and nothing is sent unless enabled.

`tracker.py` is the protocol; a new tracker is one file here and one line in `tracker_setup`.
"""
