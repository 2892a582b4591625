"""The store: one SQLite file that survives `kill -9`, a full disk and a torn write.

`database` opens the file safely or says why not; `journal` writes and reads rows.
"""
