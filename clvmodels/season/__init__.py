"""The calendar moves purchases: a clock that runs fast in a strong season and slow in a weak one.

Models know the age of customers and not the calendar. So they are not told of seasons; their clock is bent instead:
ages, recencies and horizons are measured in operational time (`Clock`), on which customers live as the model
tells, and purchases are dated back to the calendar (`OnClock`). Whoever learns the clock from a log is in `SEASONS`.
"""

from clvmodels.season.clock import MONTHS_OF_YEAR, Clock, Season, stretched
from clvmodels.season.course import Course
from clvmodels.season.gaussian_process import GaussianProcessSeason
from clvmodels.season.model import OnClock
from clvmodels.season.monthly import FEWEST_MONTHS, MonthlySeason
from clvmodels.season.months import full_months

SEASONS: dict[str, Season] = {"monthly": MonthlySeason(), "gaussian_process": GaussianProcessSeason()}
"""Ways to learn a clock, by the word that asks for them."""
SEASON_WORDS = ("default", "auto", *SEASONS)
"""What may be asked for in a word: to try a clock, or one that is learned in any case."""

__all__ = [
    "FEWEST_MONTHS",
    "MONTHS_OF_YEAR",
    "SEASONS",
    "SEASON_WORDS",
    "Clock",
    "Course",
    "GaussianProcessSeason",
    "MonthlySeason",
    "OnClock",
    "Season",
    "full_months",
    "stretched",
]
