from hypothesis import HealthCheck, settings

# The same examples at every run, however slow the machine, and no folder left behind.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")
