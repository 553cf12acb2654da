from hypothesis import settings

# The same examples at every run, however slow the machine, and no folder left behind.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")
