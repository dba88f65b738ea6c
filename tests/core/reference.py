"""JSONata as its authors run it, in the version of Step Functions: the npm package that `make setup` installs."""

import json
import subprocess
from collections.abc import Mapping, Sequence

from tests.asl import ROOT
from tests.waiting import LIMIT_SECONDS
from zflow_constructs.core.values.templates import Json

_SCRIPT = """
const cases = JSON.parse(require("fs").readFileSync(0));
const evaluate = ([expression, variables]) => {
  const query = require("jsonata")(expression);
  // Step Functions' own.
  query.registerFunction("parse", JSON.parse);
  return query.evaluate(null, variables);
};
Promise.all(cases.map(evaluate)).then(values => console.log(JSON.stringify(values)));
"""


def reference_values(cases: Sequence[tuple[str, Mapping[str, Json]]]) -> list[Json]:
    """What expressions mean.

    Args:
        cases: each an expression and its variables by name, without `$`.
    """
    assert (ROOT / "node_modules" / "jsonata").is_dir(), "node_modules is missing: run `make setup`."
    ran = subprocess.run(
        ["node", "-e", _SCRIPT],
        cwd=ROOT,
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT_SECONDS,
    )
    values: list[Json] = json.loads(ran.stdout)
    return values
