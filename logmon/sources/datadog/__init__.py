"""`type = "datadog"`: the logs of a Datadog organisation, polled so that none is lost.

`tailing` is the rule by which it asks, `client` the one who asks, `source` brings both together.
"""
