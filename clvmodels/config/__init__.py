"""One TOML file that says what a comparison or a scheduled run shall do, checked before anything runs.

`sections` declares what may stand in it, `reading` reads it with its overrides from the environment.
``python -m clvmodels.config`` prints its JSON schema, which editors complete and check by.
"""

from clvmodels.config.reading import Config, config_from, read_config, schema, secret
from clvmodels.config.template import template

__all__ = ["Config", "config_from", "read_config", "schema", "secret", "template"]
