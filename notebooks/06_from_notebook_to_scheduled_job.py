# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 6. From notebook to scheduled job
#
# **Question.** The analysis is done; now it must run every month, without us. How does it become a job that can be
# trusted: same numbers for the same date, nothing half-written, and somebody told when the forecast goes wrong?
#
# ## The log and a configuration
#
# Nothing of the notebook is needed but the decisions made in it. They go into a file that can be reviewed.

# %%
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

import clvmodels as clv

folder = Path(tempfile.mkdtemp())
clv.load_cdnow("sample")[["customer_id", "date", "spend"]].to_csv(folder / "log.csv", index=False)
(folder / "clv.toml").write_text(
    """
[log]
source = "log.csv"

[model]
purchase = "pareto_nbd"

[forecast]
horizon = ["13W"]
margin = 0.35
discount = 0.10
draws = 200

[publish]
folder = "out"
shards = 2
"""
)
clvmodels = [sys.executable, "-m", "clvmodels"]
done = subprocess.run([*clvmodels, "validate", "clv.toml"], cwd=folder, capture_output=True, text=True)
print(done.stdout or done.stderr)

# %% [markdown]
# `clvmodels init` writes a configuration with every key and its meaning. A key that does not exist is refused, with
# the one that was probably meant.
#
# ## Three months, one after the other
#
# The date is passed in by the timer; the job never asks what day it is. So the past can be run again, and here is.

# %%
for as_of in ("1997-09-30", "1997-12-31", "1998-03-31"):
    done = subprocess.run(
        [*clvmodels, "run", "clv.toml", "--as-of", as_of], cwd=folder, capture_output=True, text=True
    )
    print(f"$ clvmodels run clv.toml --as-of {as_of}\n{done.stdout}exit code {done.returncode}\n")

# %% [markdown]
# The exit code is what a timer reads: 0 published, 5 published but something should be looked at, 3 the log was
# refused, 4 the fit or the forecast was held back. With 3 and 4 the last forecast stands. The same date again has
# nothing to do, and says so with 99:

# %%
done = subprocess.run(
    [*clvmodels, "run", "clv.toml", "--as-of", "1998-03-31"], cwd=folder, capture_output=True, text=True
)
print(done.stdout, "exit code", done.returncode)

# %% [markdown]
# ## What was published
#
# A folder per run, and one small file that points to the run that counts. It is replaced last and at once, so a reader
# sees either the old forecast or the new one.

# %%
pointer = json.loads((folder / "out" / "current.json").read_text())
run = folder / "out" / pointer["path"]
print("current:", pointer["as_of"])
print("files:  ", ", ".join(sorted(path.name for path in run.iterdir())))

# %%
table = pd.concat([pd.read_parquet(part) for part in sorted(run.glob("part-*.parquet"))], ignore_index=True)
print(f"{len(table):,} rows")
table.head(3).T

# %% [markdown]
# ## Did the earlier forecasts hold?
#
# The most useful check needs no theory: what the run of last quarter said about this quarter, against what came. It is
# made at every run, and on the page of the run.

# %%
manifest = json.loads((run / "manifest.json").read_text())
gates = pd.DataFrame(manifest["gates"])
pd.set_option("display.max_colwidth", 110)
gates

# %% [markdown]
# `coverage` and `bias` are about totals that have come due, `customers` and `segments` about who brought them.
# `stability` and `distance` warn here because nobody new joins this sample: everybody is 13 weeks older, which would be
# strange in a shop that goes on winning customers.

# %%
done = subprocess.run([*clvmodels, "history", "clv.toml"], cwd=folder, capture_output=True, text=True)
print(done.stdout)

# %% [markdown]
# If a run should not have been published, `clvmodels rollback` makes an earlier one count again.
#
# ## The line for the timer
#
# ```text
# 15 3 1 * *  cd /srv/clv && clvmodels run clv.toml --as-of "$(date -d yesterday +\%F)"
# ```
#
# Airflow, Dagster or Prefect call the same line with their own date.
#
# **Decision.** Publish from a configuration, not from a notebook; let the timer pass the date; alarm on exit codes 3
# and 4, and look on 5. Before anybody spends money on the forecast, let it run over the past year and read what the
# gates on earlier forecasts say.
