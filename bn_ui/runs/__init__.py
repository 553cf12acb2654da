"""Training outside the web server: a queue, a few worker processes, and what they have computed.

A page makes a ``jobs.Job`` of its settings, ``shared.pool()`` runs it or finds that it has run, and
the page polls the ``pool.View`` that it is given. A run goes this way: ``pool`` (queue, states) →
``process`` (one worker, seen from the server) → ``frames`` (what is said over the pipes) →
``worker`` (the child) and back; finished, it goes to ``store`` (on disk). What is trained is no
business of this package: a ``jobs.Work`` names the function and knows how to read its events.
"""
