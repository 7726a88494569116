"""The calendar moves purchases: a clock that runs fast in a strong season and slow in a weak one.

Models know the age of customers and not the calendar. So they are not told of seasons; their clock is bent instead:
ages, recencies and horizons are measured in operational time (`Clock`), on which customers live as the model
tells, and purchases are dated back to the calendar (`OnClock`). `MonthlySeason` learns the clock from a log.
"""

from clvmodels.season.clock import MONTHS_OF_YEAR, Clock, Season, stretched
from clvmodels.season.learning import FEWEST_MONTHS, MonthlySeason, full_months
from clvmodels.season.model import OnClock

__all__ = [
    "FEWEST_MONTHS",
    "MONTHS_OF_YEAR",
    "Clock",
    "MonthlySeason",
    "OnClock",
    "Season",
    "full_months",
    "stretched",
]
