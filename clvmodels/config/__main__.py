"""`python -m clvmodels.config` prints the JSON schema of the configuration."""

from __future__ import annotations

import json
import sys

from clvmodels.config import schema

sys.stdout.write(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
