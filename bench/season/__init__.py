"""A graduates' season on a simulated clock, through the real services on a real database.

    python -m bench.season [--graduates N] [--behind M] [--seed S]

Working days are those of the real calendar. Carriers lose, delay and return; receivers refuse and forget; staff make
mistakes that must be refused. What must hold is asked after every simulated day; where it does not, the season ends.

What people do goes through the services that console and API call; the carrier is asked once a day, in the evening.
Photos of seals and the notices that follow from steps are left to other measurements: notices are queued, not sent.
"""
