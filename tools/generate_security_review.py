"""Writes docs/security.md: what each role of the examples' stacks may do, and why.

Run it when a construct grants something else, or when an example is added to app.py:

    python tools/generate_security_review.py

The reasons are those of `zflow_constructs.permissions.reasons`, and those here for what the examples grant themselves.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from zflow_constructs.core.values.templates import Json
from zflow_constructs.permissions.page import to_markdown
from zflow_constructs.permissions.reason import Reason
from zflow_constructs.permissions.reasons import REASONS
from zflow_constructs.permissions.statements import roles

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "security.md"
OF_THE_EXAMPLES = (
    Reason(
        "lambda",
        "*:policy/service-role/AWSLambdaBasicExecutionRole",
        "The example's function writes its log. The CDK gives each function this policy of AWS's, no narrower: "
        "it lets it write any log.",
    ),
    Reason(
        "lambda",
        "s3:GetObject",
        "The example's function reads the applications, predictions that it compares, or the model that it publishes.",
    ),
    Reason("lambda", "s3:PutObject", "The example's function writes its report, or publishes the model."),
)
_INTRODUCTION = """# For a security review: what each role may do, and why

This is every role of the stacks of [app.py](../app.py). A test compares this page with today's templates, and fails for
a right without a reason, for a `*` without the reason why it is no narrower, and for a reason that no right needs.

`zflow permissions` writes such a page of a stack of yours, from what `cdk synth` wrote, before anything is deployed:

```sh
zflow permissions cdk.out --stack Churn
```

- `RiskScoringBucketD9FD971E` and the like are the template's resources; `<account>` and `<region>` are where the stack
  will be, and `<hash>` is what the content of an asset makes it.
- A reason is found by who assumes the role, the action and the condition. A right that zflow_constructs has no reason
  for, such as those of your own functions, is *not of zflow_constructs: yours to explain*.
- A line has all resources of a role that a right is about for the same reason.
- What is no role's is in the template alone: the policies of buckets, queues and keys, and the permission of
  EventBridge to call a function.
"""


def templates() -> dict[str, Mapping[str, Json]]:
    """The templates of all stacks of app.py, by the stacks' names."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "CDK_OUTDIR": folder, "CDK_VALIDATION": "false"}
        subprocess.run([sys.executable, "app.py"], cwd=ROOT, env=environment, check=True)
        files = sorted(Path(folder).rglob("*.template.json"))
        return {file.name.partition(".")[0]: json.loads(file.read_text(encoding="utf-8")) for file in files}


def page(stacks: Mapping[str, Mapping[str, Json]]) -> str:
    """The whole page.

    Args:
        stacks: their templates, by name.
    """
    reasons = (*REASONS, *OF_THE_EXAMPLES)
    return "\n".join(
        [_INTRODUCTION, *(to_markdown(name, roles(template), reasons) for name, template in stacks.items())]
    )


if __name__ == "__main__":
    PAGE.write_text(page(templates()), encoding="utf-8")
